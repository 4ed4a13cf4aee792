import type { JSX } from 'preact';
import { useEffect } from 'preact/hooks';
import { Announcer } from './announcer';
import { People } from './contacts/people';
import { say } from './i18n/words';
import { Arrival } from './join/arrival';
import { Naming } from './join/alias';
import { Starting, Stopped } from './join/threshold';
import { Conversations } from './messages/conversations';
import { Network } from './network/network';
import { LinkState } from './network/link';
import { Notices } from './notices';
import { Brand } from './parts/brand';
import { Rooms } from './rooms';
import { Settings } from './settings/settings';
import { unread } from './state/conversations';
import { phase } from './state/phase';
import { asName, go, place } from './state/place';
import { host } from './state/seed';

export function App(): JSX.Element {
  const now = phase.value;
  switch (now.at) {
    case 'starting':
      return <Starting wait={now.wait} />;
    case 'asking':
      return <Arrival />;
    case 'naming':
      return <Naming />;
    case 'stopped':
      return <Stopped code={now.code} />;
    case 'running':
      return <House />;
  }
}

/** The rooms, and what is around all of them. */
function House(): JSX.Element {
  const { room, with: person, writing } = place.value;
  const inside = person !== undefined || writing === true;
  const waiting = unread.value;
  useEffect(() => {
    document.title = [waiting > 0 ? `(${waiting})` : '', asName ?? '', say('muttr')]
      .filter(Boolean)
      .join(' ');
  }, [waiting]);
  useEffect(() => {
    const leave = (event: KeyboardEvent): void => {
      if (event.key === 'Escape' && inside) go({ room });
    };
    document.addEventListener('keydown', leave);
    return () => document.removeEventListener('keydown', leave);
  }, [inside, room]);
  return (
    <div class="house" data-inside={inside}>
      <a class="skip" href="#room" onClick={skip}>
        {say('skip-to-main')}
      </a>
      <header class="bar">
        <Brand />
        <LinkState host={host.value} />
      </header>
      <Rooms />
      <div class="floor">
        <Notices />
        <main id="room" tabIndex={-1} data-room={room}>
          {room === 'conversations' && <Conversations />}
          {room === 'network' && <Network />}
          {room === 'people' && <People />}
          {room === 'settings' && <Settings />}
        </main>
      </div>
      <Announcer />
    </div>
  );
}

/** The fragment says which room this is, so the link moves the focus without changing it. */
function skip(event: Event): void {
  event.preventDefault();
  document.getElementById('room')?.focus();
}
