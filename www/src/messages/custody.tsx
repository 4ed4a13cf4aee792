import type { Delivery, Message } from 'muttr';
import type { JSX } from 'preact';
import { grouped, inFull, say } from '../i18n/words';
import { Button } from '../parts/button';
import { Dialog } from '../parts/dialog';
import { Icon } from '../parts/icon';
import { TrustMark } from '../parts/trust';
import { contactOf, send } from '../state/conversations';
import { identity } from '../state/seed';
import { beliefOf } from './message';
import { heldBy, isFresh, reasonOf, since } from './state';

/** Who signed a message, who holds it, and how far it came. */
export function Custody({ message, onClose }: { message: Message; onClose: () => void }): JSX.Element {
  return (
    <Dialog title={say('custody-title')} onClose={onClose}>
      {message.delivery && <Sent delivery={message.delivery} />}
      {message.delivery?.status === 'lost' && message.contentType.startsWith('text/') && (
        <div class="row">
          <Button
            kind="main"
            icon="send"
            onPress={() => {
              void send(message.to, message.text, message.replyTo);
              onClose();
            }}
          >
            {say('custody-again')}
          </Button>
        </div>
      )}
      <Signed message={message} />
    </Dialog>
  );
}

const stations = ['queued', 'stored', 'notified', 'fetched', 'read'] as const;

function Sent({ delivery }: { delivery: Delivery }): JSX.Element {
  const lost = delivery.status === 'lost';
  const reached = lost ? -1 : stations.indexOf(delivery.status as (typeof stations)[number]);
  const held = delivery.heldBy.seeds + delivery.heldBy.pods > 0;
  const steps = [
    { done: delivery.recordKey !== undefined || reached > 0, words: say('step-sealed') },
    {
      done: reached >= 1 || held,
      words: held ? keptBy(delivery) : say(delivery.reason === 'LOST' ? 'step-stored-gone' : 'step-stored-not'),
    },
    { done: reached >= 2, words: say('step-notified', { address: delivery.to }) },
    { done: reached >= 3, words: say('step-fetched') },
    { done: reached >= 4, words: say('step-read') },
  ];
  return (
    <>
      {lost && delivery.reason === 'LOST' && <p class="mark">{say('custody-lost')}</p>}
      <ol class="stations" aria-label={say('custody-steps')}>
        {steps.map(({ done, words }) => (
          <li key={words} data-done={done}>
            <span class="station">{done && <Icon name="done" />}</span>
            <span>{words}</span>
            <span class="unseen">{say(done ? 'step-done' : 'step-waiting')}</span>
          </li>
        ))}
      </ol>
      {delivery.reason !== undefined && (
        <p class="small" data-code={delivery.reason}>
          <strong>{say('custody-reason')}:</strong> {reasonOf(delivery)}{' '}
          <code class="mono quiet">{delivery.reason}</code>
        </p>
      )}
      <p class="small quiet">{say('custody-explain', { address: delivery.to })}</p>
      <dl class="facts">
        {delivery.confirmedAt && (
          <Fact name={say('custody-confirmed')} value={inFull(delivery.confirmedAt)} />
        )}
        {delivery.expires && <Fact name={say('custody-expires')} value={inFull(delivery.expires)} />}
        {delivery.recordKey && <Fact name={say('custody-record')} value={delivery.recordKey} mono />}
      </dl>
    </>
  );
}

/** Who keeps it, or did when that was last heard of and it still mattered. */
function keptBy(delivery: Delivery): string {
  const held = heldBy(delivery);
  const { confirmedAt, status } = delivery;
  return confirmedAt === undefined || isFresh(delivery) || status !== 'notified'
    ? say('step-stored', { held })
    : say('step-stored-then', { held, time: since(confirmedAt) });
}

function Signed({ message }: { message: Message }): JSX.Element {
  const trust = beliefOf(message);
  const fingerprint = message.outgoing ? identity.value?.fingerprint : contactOf(message.from)?.fingerprint;
  const host = message.from.split('@')[1] ?? '';
  return (
    <section class="signed">
      <h3>{say('custody-signed')}</h3>
      <p class="row">
        <bdi>{message.from}</bdi> {!message.outgoing && <TrustMark trust={trust} />}
      </p>
      {!message.outgoing && (
        <p class="small quiet">{say(`trust-${trust}-means`, { host, address: message.from })}</p>
      )}
      {fingerprint !== undefined && trust !== 'key-changed' && (
        <p class="mono quiet">{grouped(fingerprint)}</p>
      )}
      <dl class="facts">
        <Fact name={say('custody-sent')} value={inFull(message.sentAt)} />
        {!message.outgoing && <Fact name={say('custody-received')} value={inFull(message.receivedAt)} />}
      </dl>
    </section>
  );
}

function Fact({ name, value, mono = false }: { name: string; value: string; mono?: boolean }): JSX.Element {
  return (
    <>
      <dt>{name}</dt>
      <dd class={mono ? 'mono' : undefined}>{value}</dd>
    </>
  );
}
