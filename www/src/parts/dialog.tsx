import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useId, useRef } from 'preact/hooks';
import { say } from '../i18n/words';
import { IconButton } from './button';

/** A modal dialog; Escape and a press beside it close it, and focus returns to where it was. */
export function Dialog({
  title,
  children,
  onClose,
}: {
  title: string;
  children: ComponentChildren;
  onClose: () => void;
}): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const before = document.activeElement;
    dialog.current?.showModal();
    return () => {
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  const pressBeside = (event: MouseEvent): void => {
    if (event.target === dialog.current) onClose();
  };
  return (
    <dialog
      ref={dialog}
      class="dialog"
      aria-labelledby={id}
      onClose={onClose}
      onClick={pressBeside}
      onKeyDown={keepEscape}
    >
      <header>
        <h2 id={id}>{title}</h2>
        <IconButton name={say('close')} icon="close" onPress={onClose} />
      </header>
      <div class="body">{children}</div>
    </dialog>
  );
}

/** Escape closes the dialog alone, not also the room behind it. */
function keepEscape(event: KeyboardEvent): void {
  if (event.key === 'Escape') event.stopPropagation();
}
