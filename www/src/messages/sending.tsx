import type { JSX } from 'preact';
import { atClock, say } from '../i18n/words';
import { Button } from '../parts/button';
import { Failure } from '../parts/failure';
import { drafts, sendAgain, takeBack, type Sending } from '../state/conversations';
import { MessageText } from './text';

/** A message on its way out of this page, or one that could not leave it. */
export function SendingView({ entry }: { entry: Sending }): JSX.Element {
  return (
    <article
      class="message"
      data-mine
      data-sending
      aria-label={say('message-mine', { when: atClock(new Date(entry.since)) })}
    >
      <div class="bubble">
        <MessageText text={entry.text} />
      </div>
      {entry.failed === undefined ? (
        <p class="state small quiet" role="status">
          {say('sending')}
        </p>
      ) : (
        <Failure code={entry.failed}>
          <Button onPress={() => void sendAgain(entry)}>{say('try-again')}</Button>
          {!drafts.value[entry.to] && <Button onPress={() => takeBack(entry)}>{say('take-back')}</Button>}
        </Failure>
      )}
    </article>
  );
}
