import type { Conversation } from 'muttr';
import type { JSX } from 'preact';
import { OwnAddress } from '../contacts/own-address';
import { lately, say } from '../i18n/words';
import { moveByArrows } from '../parts/arrows';
import { Icon } from '../parts/icon';
import { Face, TrustMark } from '../parts/trust';
import { Wait } from '../parts/wait';
import { Count } from '../rooms';
import { accepted, requests } from '../state/conversations';
import { hrefOf, place } from '../state/place';
import { host } from '../state/seed';

/** Everyone there are messages with; requests apart. */
export function ConversationList(): JSX.Element {
  const known = accepted.value;
  const strangers = requests.value;
  return (
    <section class="list" aria-labelledby="conversations">
      <header>
        <h1 id="conversations">{say('room-conversations')}</h1>
        <a class="button" data-kind="main" href={hrefOf({ room: 'conversations', writing: true })}>
          <Icon name="write" />
          {say('write-new')}
        </a>
      </header>
      <div class="scroll">
        {known === undefined && <Wait>{say('messages-loading')}</Wait>}
        {strangers.length > 0 && (
          <section class="requests" aria-labelledby="requests">
            <h2 id="requests">
              {say('requests')} <Count count={strangers.length} />
            </h2>
            <p class="small quiet">{say('requests-why')}</p>
            <Entries entries={strangers} label={say('requests')} />
          </section>
        )}
        {known !== undefined && known.length > 0 && (
          <Entries entries={known} label={say('conversations-list')} />
        )}
        {known?.length === 0 && strangers.length === 0 && <Empty />}
      </div>
      <footer>
        <OwnAddress />
      </footer>
    </section>
  );
}

function Entries({ entries, label }: { entries: readonly Conversation[]; label: string }): JSX.Element {
  return (
    <ul aria-label={label} onKeyDown={moveByArrows}>
      {entries.map((each) => (
        <li key={each.contact.address}>
          <Entry {...each} />
        </li>
      ))}
    </ul>
  );
}

function Entry({ contact, last, unread }: Conversation): JSX.Element {
  const current = place.value.with === contact.address;
  const text = last === undefined ? '' : last.outgoing ? say('last-mine', { text: last.text }) : last.text;
  return (
    <a
      class="entry"
      data-stop
      data-address={contact.address}
      data-unread={unread}
      href={hrefOf({ room: 'conversations', with: contact.address })}
      aria-current={current ? 'true' : undefined}
    >
      <Face address={contact.address} />
      <span class="who">
        <bdi>{contact.address}</bdi>
      </span>
      {last && <time dateTime={last.receivedAt.toISOString()}>{lately(last.receivedAt)}</time>}
      <span class="last">{contact.trust === 'key-changed' ? <TrustMark trust="key-changed" /> : text}</span>
      {unread > 0 && <Count count={unread} />}
    </a>
  );
}

function Empty(): JSX.Element {
  return (
    <div class="empty">
      <p>{say('conversations-empty')}</p>
      <p class="small quiet">{say('conversations-empty-how', { example: `bob@${host.value}` })}</p>
    </div>
  );
}
