import { useSignal } from '@preact/signals';
import type { Code, Contact } from 'muttr';
import type { JSX } from 'preact';
import { useEffect, useId, useRef } from 'preact/hooks';
import { grouped, say } from '../i18n/words';
import { Button, IconButton } from '../parts/button';
import { Failure, sentenceOf } from '../parts/failure';
import { TrustMark } from '../parts/trust';
import { Wait } from '../parts/wait';
import { draft, send } from '../state/conversations';
import { codeOf, running } from '../state/phase';
import { go } from '../state/place';
import { host } from '../state/seed';
import { useTask } from '../state/task';
import { Compose } from './compose';

/** Drafts are kept by address; this one has none yet. */
const unaddressed = '';
/** These say nothing about the address: the message may wait for the pod. */
const unanswered: readonly Code[] = ['OFFLINE', 'POD_UNREACHABLE', 'TIMED_OUT', 'BUSY', 'RATE_LIMITED'];

type Finding = { is: 'empty' | 'looking' } | { is: 'found'; contact: Contact } | { is: 'not'; code: Code };

/** A message to someone there is no conversation with yet. */
export function NewMessage(): JSX.Element {
  const id = useId();
  const typed = useSignal('');
  const finding = useSignal<Finding>({ is: 'empty' });
  const input = useRef<HTMLInputElement>(null);
  const to = wholeAddress(typed.value);

  // Not sooner: a browser that goes to a fragment takes the focus away once it is there.
  useEffect(() => input.current?.focus(), []);
  useEffect(() => {
    if (to === '') {
      finding.value = { is: 'empty' };
      return;
    }
    finding.value = { is: 'looking' };
    const stopped = new AbortController();
    const timer = setTimeout(async () => {
      const found = await look(to, stopped.signal);
      if (!stopped.signal.aborted) finding.value = found;
    }, 350);
    return () => {
      clearTimeout(timer);
      stopped.abort();
    };
  }, [to]);

  const begin = useTask(async (signal, text: string) => {
    draft(unaddressed, text);
    const address = wholeAddress(typed.peek());
    if (address === '') {
      input.current?.focus();
      return;
    }
    const known = finding.peek();
    const found = known.is === 'found' ? known : await look(address, signal);
    signal.throwIfAborted();
    finding.value = found;
    const refused = found.is === 'not' && !unanswered.includes(found.code);
    if (refused || (found.is === 'found' && found.contact.movedTo !== undefined)) {
      input.current?.focus();
      return;
    }
    draft(unaddressed, '');
    go({ room: 'conversations', with: found.is === 'found' ? found.contact.address : address }, true);
    void send(found.is === 'found' ? found.contact.address : address, text);
  });

  const found = finding.value;
  return (
    <section class="dialogue" aria-labelledby="new">
      <header>
        <span class="only-phone">
          <IconButton name={say('back')} icon="back" onPress={() => go({ room: 'conversations' })} />
        </span>
        <h1 id="new">{say('write-new')}</h1>
      </header>
      <div class="log to">
        <div class="field">
          <label for={id}>{say('address-label')}</label>
          <input
            id={id}
            ref={input}
            value={typed.value}
            placeholder={say('address-hint', { host: host.value })}
            autocomplete="off"
            autocapitalize="none"
            inputMode="email"
            spellcheck={false}
            aria-describedby={`${id}-note`}
            aria-invalid={found.is === 'not'}
            onInput={(event) => {
              typed.value = event.currentTarget.value;
            }}
          />
          <div id={`${id}-note`} class="finding" role="status" data-finding={found.is}>
            <Found finding={found} to={to} onMoved={(elsewhere) => (typed.value = elsewhere)} />
          </div>
        </div>
        {begin.slow.value && <Wait atOnce>{say('address-looking', { address: to })}</Wait>}
        <Failure code={begin.failure.value} />
      </div>
      <Compose to={unaddressed} onSend={(text) => void begin.run(text)} />
    </section>
  );
}

/** What is known of the address so far. */
function Found({
  finding,
  to,
  onMoved,
}: {
  finding: Finding;
  to: string;
  onMoved: (elsewhere: string) => void;
}): JSX.Element | null {
  switch (finding.is) {
    case 'empty':
      return null;
    case 'looking':
      return <Wait>{say('address-looking', { address: to })}</Wait>;
    case 'found': {
      const { address, movedTo } = finding.contact;
      return movedTo !== undefined ? (
        <>
          <p class="small" data-code="MOVED">
            <span class="bad">{say('moved-note', { address, to: movedTo })}</span>
          </p>
          <Button onPress={() => onMoved(movedTo)}>{say('moved-write', { to: movedTo })}</Button>
        </>
      ) : (
        <>
          <p class="row">
            <bdi>{say('address-found', { address: finding.contact.address })}</bdi>{' '}
            <TrustMark trust={finding.contact.trust} />
          </p>
          <p class="mono quiet">{grouped(finding.contact.fingerprint)}</p>
        </>
      );
    }
    case 'not':
      return (
        <p class="small" data-code={finding.code}>
          <span class="bad">{sentenceOf(finding.code)}</span> <code class="mono quiet">{finding.code}</code>
        </p>
      );
  }
}

/** What was typed, with this pod's host where none was. */
function wholeAddress(typed: string): string {
  const text = typed.trim().toLowerCase();
  return text === '' || text.includes('@') ? text : `${text}@${host.value}`;
}

async function look(address: string, signal: AbortSignal): Promise<Finding> {
  try {
    return { is: 'found', contact: await running().lookup(address, { signal }) };
  } catch (thrown) {
    return { is: 'not', code: codeOf(thrown) ?? 'TIMED_OUT' };
  }
}
