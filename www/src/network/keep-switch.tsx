import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import { useId } from 'preact/hooks';
import { say, size } from '../i18n/words';
import { Failure } from '../parts/failure';
import { Wait } from '../parts/wait';
import { stats } from '../state/figures';
import { running } from '../state/phase';
import { hidden, keepBytes, keepBytesChosen } from '../state/preferences';
import { useTask } from '../state/task';

const mebibyte = 1024 * 1024;
const choices = [32, 64, 128, 256, 512, 1024].map((count) => count * mebibyte);

/** Whether this page keeps records for others, and how much at most. */
export function KeepSwitch(): JSX.Element {
  const id = useId();
  // What was just chosen shows at once; a failure brings back what is so.
  const chosen = useSignal<number | undefined>(undefined);
  // Who is hidden keeps nothing; what was chosen before comes back afterwards.
  const off = hidden.value;
  const quota = off ? 0 : (chosen.value ?? stats.value?.quotaBytes ?? keepBytes.value ?? 0);
  const on = quota > 0;
  const change = useTask(async (_signal, quotaBytes: number) => {
    chosen.value = quotaBytes;
    try {
      await running().setStorage({ quotaBytes });
      keepBytes.value = quotaBytes;
      if (quotaBytes > 0) keepBytesChosen.value = quotaBytes;
      stats.value = await running().stats();
    } finally {
      if (chosen.peek() === quotaBytes) chosen.value = undefined;
    }
  });
  const offered = [...new Set([...choices, keepBytesChosen.value])].sort((a, b) => a - b);
  return (
    <section class="card keep-switch" aria-labelledby={`${id}-name`}>
      <div class="switch">
        <label id={`${id}-name`} for={id}>
          {say('keep-switch')}
        </label>
        <input
          id={id}
          type="checkbox"
          role="switch"
          checked={on}
          disabled={off}
          aria-describedby={`${id}-means`}
          onChange={(event) => void change.run(event.currentTarget.checked ? keepBytesChosen.peek() : 0)}
        />
      </div>
      <p id={`${id}-means`} class="small quiet">
        {off
          ? say('keep-switch-hidden')
          : on
            ? say('keep-switch-on', { size: size(quota) })
            : say('keep-switch-off')}
      </p>
      {on && (
        <div class="field inline">
          <label for={`${id}-size`}>{say('keep-size')}</label>
          <select
            id={`${id}-size`}
            value={String(quota)}
            onChange={(event) => void change.run(Number(event.currentTarget.value))}
          >
            {offered.map((bytes) => (
              <option key={bytes} value={String(bytes)}>
                {size(bytes)}
              </option>
            ))}
          </select>
        </div>
      )}
      {change.slow.value && <Wait atOnce>{say('changing')}</Wait>}
      <Failure code={change.failure.value} />
    </section>
  );
}
