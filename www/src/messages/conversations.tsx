import type { JSX } from 'preact';
import { NewMessage } from '../compose/new-message';
import { say } from '../i18n/words';
import { place } from '../state/place';
import { Dialogue } from './dialogue';
import { ConversationList } from './list';

/** The list, and beside it (on a phone: instead of it) what is open. */
export function Conversations(): JSX.Element {
  const { with: person, writing } = place.value;
  const inside = person !== undefined || writing === true;
  return (
    <div class="panes" data-inside={inside}>
      <ConversationList />
      <div class="pane">
        {writing ? (
          <NewMessage />
        ) : person !== undefined ? (
          <Dialogue key={person} address={person} />
        ) : (
          <Nothing />
        )}
      </div>
    </div>
  );
}

/** What stands where no conversation is open; only seen beside the list. */
function Nothing(): JSX.Element {
  return (
    <div class="nothing">
      <p>{say('choose-one')}</p>
    </div>
  );
}
