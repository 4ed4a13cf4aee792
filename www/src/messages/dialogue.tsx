import { useSignal } from '@preact/signals';
import type { Contact, Message } from 'muttr';
import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { Compose } from '../compose/compose';
import { say } from '../i18n/words';
import { Button, IconButton } from '../parts/button';
import { Failure } from '../parts/failure';
import { Icon } from '../parts/icon';
import { Face, TrustMark } from '../parts/trust';
import { Wait } from '../parts/wait';
import { contactOf, judge, open, openWith, send } from '../state/conversations';
import { go, hrefOf } from '../state/place';
import { useTask } from '../state/task';
import { MessageLog } from './log';

/** Where a keyboard does not cover what is to be read, one can write at once. */
const roomForBoth = matchMedia('(hover: hover) and (width >= 900px)');

/** One conversation: who it is with, what was said, and the box to answer in. */
export function Dialogue({ address }: { address: string }): JSX.Element {
  const contact = contactOf(address);
  const answering = useSignal<Message | undefined>(undefined);
  const section = useRef<HTMLElement>(null);
  const heading = useRef<HTMLHeadingElement>(null);
  const reading = useTask((signal) => openWith(address, signal));
  useEffect(() => {
    void reading.run();
    const box = roomForBoth.matches ? section.current?.querySelector('textarea') : undefined;
    (box ?? heading.current)?.focus();
    return () => {
      if (open.peek()?.address === address) open.value = undefined;
    };
  }, [address]);
  const shown = open.value?.address === address ? open.value : undefined;
  return (
    <section ref={section} class="dialogue" aria-labelledby="with" data-with={address}>
      <header>
        <span class="only-phone">
          <IconButton name={say('back')} icon="back" onPress={() => go({ room: 'conversations' })} />
        </span>
        <Face address={address} size="small" />
        <div class="who">
          <h1 id="with" ref={heading} tabIndex={-1}>
            <bdi>{address}</bdi>
          </h1>
          {contact && (
            <a
              class="about"
              href={hrefOf({ room: 'people', with: address })}
              aria-label={`${say('person-details', { address })}: ${say(`trust-${contact.trust}`)}`}
            >
              <TrustMark trust={contact.trust} />
            </a>
          )}
        </div>
      </header>
      {shown === undefined ? (
        <div class="log" aria-busy="true">
          {reading.failure.value === undefined && <Wait>{say('messages-loading')}</Wait>}
          <Failure code={reading.failure.value}>
            <Button onPress={() => void reading.run()}>{say('try-again')}</Button>
          </Failure>
        </div>
      ) : (
        <MessageLog shown={shown} onAnswer={(message) => (answering.value = message)} />
      )}
      <Foot
        address={address}
        contact={contact}
        answering={answering.value}
        onAnswered={() => (answering.value = undefined)}
      />
    </section>
  );
}

interface FootOptions {
  address: string;
  contact: Contact | undefined;
  answering: Message | undefined;
  onAnswered: () => void;
}

/** The box to write in, or the decision that comes before it. */
function Foot({ address, contact, answering, onAnswered }: FootOptions): JSX.Element {
  if (contact?.blocked) return <Decision address={address} kind="blocked" />;
  if (contact !== undefined && !contact.accepted) return <Decision address={address} kind="request" />;
  if (contact?.trust === 'key-changed') return <Decision address={address} kind="key-changed" />;
  return (
    <>
      {contact?.movedTo !== undefined && <Moved address={address} to={contact.movedTo} />}
      <Compose
        to={address}
        answering={answering}
        onAnswered={onAnswered}
        onSend={(text) => {
          void send(address, text, answering?.id);
          onAnswered();
        }}
      />
    </>
  );
}

/** They said where they are found now; writing there is up to whoever writes. */
function Moved({ address, to }: { address: string; to: string }): JSX.Element {
  return (
    <aside class="decision" data-decision="moved" aria-label={say('person-details', { address })}>
      <p>{say('moved-note', { address, to })}</p>
      <div class="row">
        <a class="button" href={hrefOf({ room: 'conversations', with: to })}>
          {say('moved-write', { to })}
        </a>
      </div>
    </aside>
  );
}

function Decision({
  address,
  kind,
}: {
  address: string;
  kind: 'request' | 'blocked' | 'key-changed';
}): JSX.Element {
  const decide = useTask((signal, judgement: 'accept' | 'block' | 'accept-key') =>
    judge(address, judgement, signal),
  );
  const note = { request: 'request-question', blocked: 'blocked-note', 'key-changed': 'key-changed-note' }[
    kind
  ];
  return (
    <aside class="decision" data-decision={kind} aria-label={say('person-details', { address })}>
      <p>
        {kind === 'key-changed' && <Icon name="changed" />} {say(note, { address })}
      </p>
      <div class="row">
        {kind === 'request' && (
          <>
            <Button kind="main" onPress={() => void decide.run('accept')}>
              {say('request-accept')}
            </Button>
            <Button kind="bad" onPress={() => void decide.run('block')}>
              {say('request-block')}
            </Button>
          </>
        )}
        {kind === 'blocked' && (
          <Button onPress={() => void decide.run('accept')}>{say('blocked-undo')}</Button>
        )}
        {kind === 'key-changed' && (
          <>
            <a class="button" href={hrefOf({ room: 'people', with: address })}>
              {say('person-compare')}
            </a>
            <Button kind="bad" onPress={() => void decide.run('accept-key')}>
              {say('key-changed-accept')}
            </Button>
          </>
        )}
        {decide.slow.value && <Wait atOnce>{say('changing')}</Wait>}
      </div>
      <Failure code={decide.failure.value} />
    </aside>
  );
}
