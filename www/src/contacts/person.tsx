import type { Contact, Judgement } from 'muttr';
import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { grouped, say } from '../i18n/words';
import { Button, IconButton } from '../parts/button';
import { Failure } from '../parts/failure';
import { Icon } from '../parts/icon';
import { Face, TrustMark } from '../parts/trust';
import { Wait } from '../parts/wait';
import { judge } from '../state/conversations';
import { go, hrefOf } from '../state/place';
import { identity } from '../state/seed';
import { useTask } from '../state/task';

/** One person: how far their key is believed, and what was decided about them. */
export function Person({ contact }: { contact: Contact }): JSX.Element {
  const { address, trust } = contact;
  const heading = useRef<HTMLHeadingElement>(null);
  const decide = useTask((signal, judgement: Judgement) => judge(address, judgement, signal));
  useEffect(() => heading.current?.focus(), [address]);
  return (
    <section class="dialogue" aria-labelledby="person" data-person={address}>
      <header>
        <span class="only-phone">
          <IconButton name={say('back')} icon="back" onPress={() => go({ room: 'people' })} />
        </span>
        <Face address={address} size="small" />
        <div class="who">
          <h1 id="person" ref={heading} tabIndex={-1}>
            <bdi>{address}</bdi>
          </h1>
          <TrustMark trust={trust} />
        </div>
      </header>
      <div class="scroll inner stack">
        <p>{say(`trust-${trust}-means`, { address, host: address.split('@')[1] ?? '' })}</p>
        <div class="row">
          <a class="button" data-kind="main" href={hrefOf({ room: 'conversations', with: address })}>
            <Icon name="write" />
            {say('person-write')}
          </a>
          {contact.blocked ? (
            <Button onPress={() => void decide.run('accept')}>{say('blocked-undo')}</Button>
          ) : (
            <Button kind="bad" onPress={() => void decide.run('block')}>
              {say('person-block')}
            </Button>
          )}
          {decide.slow.value && <Wait atOnce>{say('changing')}</Wait>}
        </div>
        <section class="card" aria-labelledby="compare">
          <h2 id="compare">{say('person-compare')}</h2>
          <p class="small quiet">{say('person-compare-how')}</p>
          <Fingerprint name={say('person-theirs', { address })} fingerprint={contact.fingerprint} />
          <Fingerprint name={say('person-yours')} fingerprint={identity.value?.fingerprint ?? ''} />
          <div class="row">
            {trust === 'unverified' && (
              <Button icon="verified" onPress={() => void decide.run('verify')}>
                {say('person-match')}
              </Button>
            )}
            {trust === 'key-changed' && (
              <Button kind="bad" onPress={() => void decide.run('accept-key')}>
                {say('key-changed-accept')}
              </Button>
            )}
          </div>
        </section>
        <Failure code={decide.failure.value} />
      </div>
    </section>
  );
}

function Fingerprint({ name, fingerprint }: { name: string; fingerprint: string }): JSX.Element {
  return (
    <div>
      <p class="small quiet">{name}</p>
      <p class="mono fingerprint" data-fingerprint={fingerprint}>
        {grouped(fingerprint)}
      </p>
    </div>
  );
}
