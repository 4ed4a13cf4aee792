import type { JSX } from 'preact';
import { say } from './i18n/words';
import { Icon } from './parts/icon';
import { requests, unread } from './state/conversations';
import { hrefOf, place, rooms, type Room } from './state/place';
import { persisted, unsaved } from './state/seed';

/** The way between the rooms. */
export function Rooms(): JSX.Element {
  return (
    <nav class="rooms" aria-label={say('rooms')}>
      <ul>
        {rooms.map((room) => (
          <li key={room}>
            <a href={hrefOf({ room })} aria-current={place.value.room === room ? 'page' : undefined}>
              <Icon name={room} />
              <span>{say(`room-${room}`)}</span>
              <Sign room={room} />
            </a>
          </li>
        ))}
      </ul>
    </nav>
  );
}

/** What waits in a room. */
function Sign({ room }: { room: Room }): JSX.Element | null {
  if (room === 'conversations') {
    const count = unread.value + requests.value.length;
    return count > 0 ? <Count count={count} /> : null;
  }
  if (room === 'settings' && !unsaved.value && !persisted.value) {
    return (
      <span class="dot">
        <span class="unseen">{say('settings-storage-unpersisted')}</span>
      </span>
    );
  }
  return null;
}

export function Count({ count }: { count: number }): JSX.Element {
  return (
    <span class="count">
      <span aria-hidden="true">{count}</span>
      <span class="unseen">{say('unread-count', { count })}</span>
    </span>
  );
}
