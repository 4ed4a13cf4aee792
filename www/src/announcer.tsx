import type { JSX } from 'preact';
import { say } from './i18n/words';
import { arrived } from './state/conversations';

/** Tells a screen reader that someone wrote, whatever room is open. */
export function Announcer(): JSX.Element {
  const message = arrived.value;
  return (
    <div class="unseen" role="log" aria-live="polite" aria-relevant="additions">
      {message && <p key={message.id}>{say('new-message-from', { address: message.from })}</p>}
    </div>
  );
}
