import type { JSX } from 'preact';
import { say } from '../i18n/words';
import { sentenceOf } from '../parts/failure';
import { link, linkReason } from '../state/seed';

/** How the connection to the pod stands, in a word. Offline is a state, not a failure. */
export function LinkState({ host }: { host: string }): JSX.Element {
  const reason = linkReason.value;
  const why = link.value === 'offline' && reason !== undefined ? sentenceOf(reason) : undefined;
  return (
    <p class="link-state" role="status" data-link={link.value} data-reason={reason} title={why ?? host}>
      <span class="lamp" aria-hidden="true" />
      {say(`link-${link.value}`, { host })}
    </p>
  );
}
