import { signal } from '@preact/signals';

/** The rooms of the page. */
export type Room = 'conversations' | 'network' | 'people' | 'settings';

/** Where the reader is. It lives in the URL's fragment, so that back goes back. */
export interface Place {
  room: Room;
  /** The conversation or person that is open. */
  with?: string;
  /** Whether a message to someone new is being written. */
  writing?: boolean;
}

export const rooms: readonly Room[] = ['conversations', 'network', 'people', 'settings'];

/**
 * The separate seed this page is, from `#as=NAME`: a database and a lock of its own. Read once,
 * since a page that has started cannot become another seed.
 */
export const asName: string | undefined = fragment().get('as')?.slice(0, 64) || undefined;

/** Where the reader is now. */
export const place = signal<Place>(placeNow());

/** The URL of a place, for links. */
export function hrefOf(to: Place): string {
  const parts = new URLSearchParams();
  if (asName !== undefined) parts.set('as', asName);
  if (to.room !== 'conversations') parts.set('room', to.room);
  if (to.with !== undefined) parts.set('with', to.with);
  if (to.writing) parts.set('new', '');
  const text = parts.toString().replaceAll('%40', '@').replaceAll('%3A', ':').replace(/=$/, '');
  return `#${text}`;
}

/** Goes to a place; `replace` leaves no step to go back to. */
export function go(to: Place, replace = false): void {
  if (replace) history.replaceState(null, '', hrefOf(to));
  else history.pushState(null, '', hrefOf(to));
  place.value = to;
}

/** Follows the browser's own back, forward and edits of the address bar. */
export function followAddressBar(): void {
  addEventListener('hashchange', () => {
    if ((fragment().get('as')?.slice(0, 64) || undefined) === asName) place.value = placeNow();
    else location.reload();
  });
  addEventListener('popstate', () => {
    place.value = placeNow();
  });
}

function fragment(): URLSearchParams {
  return new URLSearchParams(location.hash.slice(1));
}

function placeNow(): Place {
  const parts = fragment();
  const room = rooms.find((each) => each === parts.get('room')) ?? 'conversations';
  const person = parts.get('with');
  return {
    room,
    ...(person ? { with: person } : {}),
    ...(parts.has('new') ? { writing: true } : {}),
  };
}
