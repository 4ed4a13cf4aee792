import { useSignal } from '@preact/signals';
import type { Message } from 'muttr';
import type { JSX } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { dayOf, say } from '../i18n/words';
import { Button } from '../parts/button';
import { Failure } from '../parts/failure';
import { Wait } from '../parts/wait';
import { sending, showEarlier, type Open } from '../state/conversations';
import { useTask } from '../state/task';
import { MessageView } from './message';
import { SendingView } from './sending';

/** Within this many pixels of the end, the reader follows what is new. */
const followWithin = 120;

/** What was said, oldest first. New messages scroll only for a reader who is at the end. */
export function MessageLog({
  shown,
  onAnswer,
}: {
  shown: Open;
  onAnswer: (message: Message) => void;
}): JSX.Element {
  const log = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);
  /** Something came below what is in sight. */
  const below = useSignal(false);
  const earlier = useTask(showEarlier);
  const under = sending.value.filter(
    (each) => each.to === shown.address && !arrivedAlready(each, shown.messages),
  );
  const last = shown.messages.at(-1)?.id;

  const toEnd = (): void => {
    const element = log.current;
    if (element !== null) element.scrollTop = element.scrollHeight;
  };
  useLayoutEffect(() => {
    // Whoever has just written wants to see it.
    if (under.length > 0) atEnd.current = true;
    if (atEnd.current) toEnd();
    else below.value = true;
  }, [last, under.length]);

  const scrolled = (): void => {
    const element = log.current;
    if (element === null) return;
    atEnd.current = element.scrollHeight - element.scrollTop - element.clientHeight < followWithin;
    if (atEnd.current) below.value = false;
  };
  const showBefore = async (): Promise<void> => {
    const element = log.current;
    const fromEnd = element === null ? 0 : element.scrollHeight - element.scrollTop;
    atEnd.current = false;
    await earlier.run();
    // What was being read stays where it was.
    requestAnimationFrame(() => {
      if (element !== null) element.scrollTop = element.scrollHeight - fromEnd;
    });
  };

  const byId = new Map(shown.messages.map((message) => [message.id, message]));
  return (
    <div
      ref={log}
      class="log"
      tabIndex={0}
      role="region"
      aria-label={say('messages-with', { address: shown.address })}
      onScroll={scrolled}
    >
      {shown.more && (
        <div class="earlier">
          <Button kind="plain" off={earlier.busy.value} onPress={() => void showBefore()}>
            {say('messages-earlier')}
          </Button>
          {earlier.slow.value && <Wait atOnce>{say('messages-loading')}</Wait>}
          <Failure code={earlier.failure.value} />
        </div>
      )}
      {shown.messages.length + under.length === 0 && <p class="nothing-yet quiet">{say('messages-none')}</p>}
      {shown.messages.map((message, at) => {
        const before = shown.messages[at - 1];
        const newDay =
          before === undefined || before.receivedAt.toDateString() !== message.receivedAt.toDateString();
        const answered = message.replyTo === undefined ? undefined : byId.get(message.replyTo);
        return (
          <div key={message.id} class="said">
            {newDay && <p class="day">{dayOf(message.receivedAt)}</p>}
            <MessageView message={message} answered={answered} onAnswer={() => onAnswer(message)} />
          </div>
        );
      })}
      {under.map((each) => (
        <SendingView key={each.since} entry={each} />
      ))}
      {below.value && (
        <div class="below">
          <Button icon="down" onPress={toEnd}>
            {say('messages-below')}
          </Button>
        </div>
      )}
    </div>
  );
}

/** The message itself may be there a moment before the call that sent it returns. */
function arrivedAlready(
  entry: { text: string; since: number; failed?: unknown },
  messages: readonly Message[],
): boolean {
  const since = entry.since - 1_000;
  return (
    entry.failed === undefined &&
    messages.some(
      (message) => message.outgoing && message.text === entry.text && message.receivedAt.getTime() >= since,
    )
  );
}
