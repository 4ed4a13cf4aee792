import type { ComponentChildren, JSX } from 'preact';
import { Icon, type IconName } from './icon';

interface ButtonOptions {
  children: ComponentChildren;
  kind?: 'main' | 'plain' | 'bad';
  icon?: IconName;
  /** Not possible now. It stays reachable by keyboard, so that its name can be read. */
  off?: boolean;
  submit?: boolean;
  onPress?: () => void;
}

export function Button({
  children,
  kind,
  icon,
  off = false,
  submit = false,
  onPress,
}: ButtonOptions): JSX.Element {
  const press = (event: MouseEvent): void => {
    if (off) event.preventDefault();
    else onPress?.();
  };
  return (
    <button
      class="button"
      type={submit ? 'submit' : 'button'}
      data-kind={kind}
      aria-disabled={off ? 'true' : undefined}
      onClick={press}
    >
      {icon && <Icon name={icon} />}
      {children}
    </button>
  );
}

/** A button that is only a picture; its name is read aloud and shown on hovering. */
export function IconButton({
  name,
  icon,
  onPress,
}: {
  name: string;
  icon: IconName;
  onPress: () => void;
}): JSX.Element {
  return (
    <button class="icon-button" type="button" aria-label={name} title={name} onClick={onPress}>
      <Icon name={icon} />
    </button>
  );
}
