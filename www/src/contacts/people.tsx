import type { Contact } from 'muttr';
import type { JSX } from 'preact';
import { say } from '../i18n/words';
import { moveByArrows } from '../parts/arrows';
import { Face, TrustMark } from '../parts/trust';
import { Wait } from '../parts/wait';
import { contactOf, conversations } from '../state/conversations';
import { hrefOf, place } from '../state/place';
import { Person } from './person';

/** Everyone known here. */
export function People(): JSX.Element {
  const address = place.value.with;
  const contact = address === undefined ? undefined : contactOf(address);
  const people = conversations.value
    ?.map((each) => each.contact)
    .sort((a, b) => a.address.localeCompare(b.address));
  return (
    <div class="panes" data-inside={contact !== undefined}>
      <section class="list" aria-labelledby="people">
        <header>
          <h1 id="people">{say('people-title')}</h1>
        </header>
        <div class="scroll">
          {people === undefined && <Wait>{say('wait-opening')}</Wait>}
          {people?.length === 0 && <p class="empty quiet">{say('people-empty')}</p>}
          {people !== undefined && people.length > 0 && (
            <ul aria-label={say('people-list')} onKeyDown={moveByArrows}>
              {people.map((each) => (
                <li key={each.address}>
                  <Entry contact={each} current={each.address === address} />
                </li>
              ))}
            </ul>
          )}
        </div>
      </section>
      <div class="pane">
        {contact ? (
          <Person key={contact.address} contact={contact} />
        ) : (
          <div class="nothing">
            <p>{say('people-choose')}</p>
          </div>
        )}
      </div>
    </div>
  );
}

function Entry({ contact, current }: { contact: Contact; current: boolean }): JSX.Element {
  return (
    <a
      class="entry"
      data-stop
      data-address={contact.address}
      href={hrefOf({ room: 'people', with: contact.address })}
      aria-current={current ? 'true' : undefined}
    >
      <Face address={contact.address} />
      <span class="who">
        <bdi>{contact.address}</bdi>
      </span>
      <span class="last">
        {contact.blocked ? (
          say('person-blocked')
        ) : !contact.accepted ? (
          say('person-request')
        ) : (
          <TrustMark trust={contact.trust} />
        )}
      </span>
    </a>
  );
}
