import type { Connection } from 'muttr';
import type { JSX } from 'preact';
import { useId } from 'preact/hooks';
import { duration, say } from '../i18n/words';
import { howOf, linksOf, nameOf, wayOf } from './way';

/** The links once more, as a list. */
export function Links({ connections }: { connections: readonly Connection[] }): JSX.Element | null {
  const id = useId();
  if (connections.length === 0) return null;
  return (
    <section class="card" aria-labelledby={id}>
      <h2 id={id}>{say('links-title')}</h2>
      <ul class="links">
        {linksOf(connections).map((each) => (
          <li key={each.peer} data-way={wayOf(each)}>
            <span class="sign" aria-hidden="true" />
            <span>
              {nameOf(each)} <span class="mono quiet">{each.peer.slice(-8)}</span>
            </span>
            <span class="small">{howOf(each)}</span>
            <span class="small quiet">{say('peer-since', { time: duration(each.since) })}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}
