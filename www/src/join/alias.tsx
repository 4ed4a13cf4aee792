import { useSignal } from '@preact/signals';
import type { Code } from 'muttr';
import type { JSX } from 'preact';
import { useEffect, useId } from 'preact/hooks';
import { say } from '../i18n/words';
import { Button } from '../parts/button';
import { Failure, sentenceOf } from '../parts/failure';
import { Wait } from '../parts/wait';
import { codeOf, running } from '../state/phase';
import { host, identity, link, openRooms, takeAlias } from '../state/seed';
import { useTask } from '../state/task';
import { Threshold } from './threshold';

/** The one field of the first minute. */
export function Naming(): JSX.Element {
  return (
    <Threshold>
      <h1 class="lead">{say('alias-title')}</h1>
      <p class="quiet">{say('alias-why')}</p>
      <AliasForm onTaken={() => openRooms(false)} onSkip={() => openRooms(true)} />
    </Threshold>
  );
}

type Finding = { is: 'empty' | 'checking' | 'free' | 'yours' } | { is: 'not'; code: Code };

const checkAfterMs = 250;

/** An alias, checked as it is typed, shown as the whole address it will be. */
export function AliasForm({ onTaken, onSkip }: { onTaken: () => void; onSkip?: () => void }): JSX.Element {
  const id = useId();
  const label = useSignal('');
  const finding = useSignal<Finding>({ is: 'empty' });
  const address = `${label.value}@${host.value}`;
  const take = useTask(async (signal) => {
    await takeAlias(label.peek(), signal);
    onTaken();
  });
  const online = link.value === 'online';

  useEffect(() => {
    if (label.value === '') {
      finding.value = { is: 'empty' };
      return;
    }
    finding.value = { is: 'checking' };
    const stopped = new AbortController();
    const timer = setTimeout(async () => {
      const found = await look(address, stopped.signal);
      if (!stopped.signal.aborted) finding.value = found;
    }, checkAfterMs);
    return () => {
      clearTimeout(timer);
      stopped.abort();
    };
  }, [label.value, address, online]);

  const found = finding.value;
  const off = label.value === '' || take.busy.value || (found.is === 'not' && found.code !== 'OFFLINE');
  const submit = (event: Event): void => {
    event.preventDefault();
    if (!off) void take.run();
  };
  return (
    <form class="stack" onSubmit={submit} noValidate>
      <div class="field">
        <label for={id}>{say('alias-label')}</label>
        <div class="joined">
          <input
            id={id}
            value={label.value}
            autocomplete="off"
            autocapitalize="none"
            spellcheck={false}
            maxLength={63}
            aria-describedby={`${id}-note`}
            aria-invalid={found.is === 'not'}
            onInput={(event) => {
              take.forget();
              label.value = event.currentTarget.value.trim().toLowerCase();
            }}
          />
          <span class="suffix" aria-hidden="true">
            @{host.value}
          </span>
        </div>
        <Note id={`${id}-note`} finding={found} address={address} />
      </div>
      <Failure code={take.failure.value} />
      <div class="row">
        <Button kind="main" submit off={off}>
          {say('alias-take')}
        </Button>
        {onSkip && (
          <Button kind="plain" onPress={onSkip}>
            {say('alias-skip')}
          </Button>
        )}
        {take.slow.value && <Wait atOnce>{say('alias-taking', { address })}</Wait>}
      </div>
    </form>
  );
}

function Note({ id, finding, address }: { id: string; finding: Finding; address: string }): JSX.Element {
  const good = finding.is === 'free' || finding.is === 'yours';
  let words: string;
  if (finding.is === 'not') words = sentenceOf(finding.code);
  else if (finding.is === 'checking') words = say('alias-checking', { host: host.value });
  else words = say(`alias-${finding.is}`, { address });
  return (
    <p
      id={id}
      class="note"
      role="status"
      data-finding={finding.is}
      data-kind={good ? 'good' : finding.is === 'not' ? 'bad' : undefined}
    >
      {words} {finding.is === 'not' && <code class="small">{finding.code}</code>}
    </p>
  );
}

/** Whose is this address? Nobody's is what one hopes for here. */
async function look(address: string, signal: AbortSignal): Promise<Finding> {
  try {
    const contact = await running().lookup(address, { signal });
    return contact.fingerprint === identity.peek()?.fingerprint
      ? { is: 'yours' }
      : { is: 'not', code: 'ALIAS_TAKEN' };
  } catch (thrown) {
    const code = codeOf(thrown);
    if (code === 'NOT_FOUND') return { is: 'free' };
    return { is: 'not', code: code === 'KEY_CHANGED' ? 'ALIAS_TAKEN' : (code ?? 'TIMED_OUT') };
  }
}
