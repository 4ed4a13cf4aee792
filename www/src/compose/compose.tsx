import { useSignal } from '@preact/signals';
import type { Message } from 'muttr';
import type { JSX } from 'preact';
import { useEffect, useId, useRef } from 'preact/hooks';
import { AliasDialog } from '../contacts/own-address';
import { say } from '../i18n/words';
import { Button, IconButton } from '../parts/button';
import { Failure } from '../parts/failure';
import { Icon } from '../parts/icon';
import { draft, drafts } from '../state/conversations';
import { address, host, link } from '../state/seed';

/** Longest body, in bytes of UTF-8; the package refuses longer ones. */
const bodyBytesMax = 56_000;
/** From here on the box counts. */
const countFrom = 50_000;

interface ComposeOptions {
  to: string;
  answering?: Message | undefined;
  onAnswered?: () => void;
  onSend: (text: string) => void;
}

/** The box at the bottom. What is begun in it stays until it is sent. */
export function Compose({ to, answering, onAnswered, onSend }: ComposeOptions): JSX.Element {
  const id = useId();
  const box = useRef<HTMLTextAreaElement>(null);
  const naming = useSignal(false);
  const text = drafts.value[to] ?? '';
  const bytes = new TextEncoder().encode(text).length;
  const long = bytes > bodyBytesMax;
  const off = text.trim() === '' || long;

  useEffect(() => {
    if (answering !== undefined) box.current?.focus();
  }, [answering]);

  const submit = (): void => {
    if (off) return;
    if (address.peek() === undefined) {
      naming.value = true;
      return;
    }
    draft(to, '');
    onSend(text);
    box.current?.focus();
  };
  const onKey = (event: KeyboardEvent): void => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey) && !event.isComposing) {
      event.preventDefault();
      submit();
    }
  };
  return (
    <form
      class="compose"
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      {link.value === 'offline' && (
        <p class="small quiet" role="status">
          {say('link-offline-note', { host: host.value })}
        </p>
      )}
      {answering && (
        <p class="answering small">
          <Icon name="answer" />
          <span>{say('answer-to', { address: answering.outgoing ? answering.to : answering.from })}</span>
          <span class="quiet">{answering.text}</span>
          <IconButton name={say('answer-stop')} icon="close" onPress={() => onAnswered?.()} />
        </p>
      )}
      {long && <Failure code="TOO_LARGE" sentence={say('message-over', { count: bytes - bodyBytesMax })} />}
      <div class="write">
        <label class="unseen" for={id}>
          {say('message-label')}
        </label>
        <textarea
          id={id}
          ref={box}
          class="box"
          rows={1}
          dir="auto"
          value={text}
          placeholder={say('message-hint')}
          aria-describedby={`${id}-note`}
          onInput={(event) => draft(to, event.currentTarget.value)}
          onKeyDown={onKey}
        />
        <Button kind="main" icon="send" submit off={off}>
          {say('send')}
        </Button>
      </div>
      <p id={`${id}-note`} class="note small quiet">
        {bytes > countFrom && !long ? (
          say('message-left', { count: bodyBytesMax - bytes })
        ) : (
          <span class="keys">{say('send-keys')}</span>
        )}
      </p>
      {naming.value && <AliasDialog onClose={() => (naming.value = false)} />}
    </form>
  );
}
