import type { JSX } from 'preact';
import { useId } from 'preact/hooks';
import { say } from '../i18n/words';
import { Wait } from '../parts/wait';
import { hidden } from '../state/preferences';
import { hide } from '../state/seed';
import { useTask } from '../state/task';

/** Whether other seeds are kept from seeing this page's address, and what that costs. */
export function HideSwitch(): JSX.Element {
  const id = useId();
  const on = hidden.value;
  const change = useTask((_signal, next: boolean) => hide(next));
  return (
    <section class="card hide-switch" aria-labelledby={`${id}-name`}>
      <div class="switch">
        <label id={`${id}-name`} for={id}>
          {say('hide-switch')}
        </label>
        <input
          id={id}
          type="checkbox"
          role="switch"
          checked={on}
          aria-describedby={`${id}-means`}
          onChange={(event) => void change.run(event.currentTarget.checked)}
        />
      </div>
      <p id={`${id}-means`} class="small quiet">
        {on ? say('hide-switch-on') : say('hide-switch-off')}
      </p>
      {change.slow.value && <Wait atOnce>{say('changing')}</Wait>}
    </section>
  );
}
