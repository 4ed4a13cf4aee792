import { useSignal } from '@preact/signals';
import type { Delivery, Message } from 'muttr';
import type { JSX } from 'preact';
import { atClock, inFull, say, size } from '../i18n/words';
import { IconButton } from '../parts/button';
import { Icon } from '../parts/icon';
import { TrustMark, type Belief } from '../parts/trust';
import { Custody } from './custody';
import { stateOf, untilOf } from './state';
import { MessageText } from './text';

interface MessageOptions {
  message: Message;
  answered: Message | undefined;
  onAnswer: () => void;
}

/** One message: what it says, and one small line on how it stands. */
export function MessageView({ message, answered, onAnswer }: MessageOptions): JSX.Element {
  const custody = useSignal(false);
  const when = atClock(message.receivedAt);
  const label = message.outgoing
    ? say('message-mine', { when })
    : say('message-from', { address: message.from, when });
  return (
    <article
      class="message"
      data-message-id={message.id}
      data-mine={message.outgoing ? '' : undefined}
      data-status={message.delivery?.status}
      data-trust={message.outgoing ? undefined : beliefOf(message)}
      aria-label={label}
    >
      {message.replyTo !== undefined && (
        <p class="answered small quiet">
          <Icon name="answer" />
          <span>{answered?.text ?? say('answer-gone')}</span>
        </p>
      )}
      <div class="bubble">
        <Content message={message} />
        <span class="tools">
          <IconButton name={say('answer')} icon="answer" onPress={onAnswer} />
        </span>
      </div>
      <p class="state small">
        <time class="quiet" dateTime={message.sentAt.toISOString()} title={inFull(message.sentAt)}>
          {when}
        </time>
        <button
          type="button"
          class="custody"
          aria-label={say('custody-open', { state: wordsOf(message) })}
          onClick={() => (custody.value = true)}
        >
          {message.delivery ? <State delivery={message.delivery} /> : <TrustMark trust={beliefOf(message)} />}
        </button>
      </p>
      {custody.value && <Custody message={message} onClose={() => (custody.value = false)} />}
    </article>
  );
}

/** How far it came; the date until which it is kept where there is room for it. */
function State({ delivery }: { delivery: Delivery }): JSX.Element {
  return (
    <span data-state={delivery.status}>
      {stateOf(delivery)}
      <span class="until">{untilOf(delivery)}</span>
    </span>
  );
}

function Content({ message }: { message: Message }): JSX.Element {
  if (message.newer) return <p class="quiet">{say('newer-kind')}</p>;
  if (!message.contentType.startsWith('text/')) {
    return (
      <p class="quiet">{say('not-text', { type: message.contentType, size: size(message.body.length) })}</p>
    );
  }
  return <MessageText text={message.text} />;
}

/** How far the signature of a message is believed. */
export function beliefOf(message: Message): Belief {
  return message.verified ? message.trust : message.trust === 'key-changed' ? 'key-changed' : 'unsigned';
}

function wordsOf(message: Message): string {
  return message.delivery
    ? stateOf(message.delivery) + untilOf(message.delivery)
    : say(`trust-${beliefOf(message)}`);
}
