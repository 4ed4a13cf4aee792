import { MuttrError } from 'muttr';
import type { JSX } from 'preact';
import { say } from './i18n/words';
import { KeepMark } from './join/keep';
import { Button, IconButton } from './parts/button';
import { Failure } from './parts/failure';
import { notices, type Notice } from './state/conversations';
import { hrefOf } from './state/place';
import { link, linkReason } from './state/seed';

/** What concerns every room, above whichever is open. */
export function Notices(): JSX.Element {
  return (
    <div class="notices">
      <KeepMark />
      <Refusal />
      {notices.value.map((notice, at) => (
        <Told key={at} notice={notice} />
      ))}
    </div>
  );
}

/** The pod said no to this seed. Being offline is a state; this is not. */
function Refusal(): JSX.Element | null {
  const reason = linkReason.value;
  if (link.value !== 'offline' || reason === undefined || new MuttrError(reason).retry === 'later')
    return null;
  return (
    <Failure code={reason}>
      <Button onPress={() => location.reload()}>{say('load-again')}</Button>
    </Failure>
  );
}

function Told({ notice }: { notice: Notice }): JSX.Element {
  const dismiss = (): void => {
    notices.value = notices.peek().filter((each) => each !== notice);
  };
  if ('lost' in notice) {
    return (
      <Failure code={notice.code} sentence={say('notice-lost', { address: notice.lost })}>
        <a class="button" href={hrefOf({ room: 'conversations', with: notice.lost })} onClick={dismiss}>
          {say('notice-look')}
        </a>
        <IconButton name={say('close')} icon="close" onPress={dismiss} />
      </Failure>
    );
  }
  return (
    <Failure code={notice.setAside} sentence={say('notice-set-aside')}>
      <IconButton name={say('close')} icon="close" onPress={dismiss} />
    </Failure>
  );
}
