import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import { useId } from 'preact/hooks';
import { say } from '../i18n/words';
import { Button } from '../parts/button';
import { Dialog } from '../parts/dialog';
import { Failure } from '../parts/failure';
import { Icon } from '../parts/icon';
import { Wait } from '../parts/wait';
import { savedFor } from '../state/preferences';
import { address, identity, lockedIdentity, unsaved } from '../state/seed';
import { useTask } from '../state/task';

/** Quiet and persistent until the identity is in a file, with the reason. */
export function KeepMark(): JSX.Element | null {
  const saving = useSignal(false);
  if (!unsaved.value && !saving.value) return null;
  return (
    <>
      {unsaved.value && (
        <aside class="mark keep-mark" aria-label={say('settings-identity')}>
          <Icon name="save" />
          <p class="small">{say('keep-unsaved')}</p>
          <Button onPress={() => (saving.value = true)}>{say('keep-save')}</Button>
        </aside>
      )}
      {saving.value && <Keep onClose={() => (saving.value = false)} />}
    </>
  );
}

/** Shortest passphrase, in characters; the package refuses shorter ones. */
const passphraseMin = 8;

/** Saves the identity to a file under a passphrase. */
export function Keep({ onClose }: { onClose: () => void }): JSX.Element {
  const id = useId();
  const first = useSignal('');
  const again = useSignal('');
  const file = useSignal<string | undefined>(undefined);
  const long = [...first.value].length >= passphraseMin;
  const fits = long && first.value === again.value;
  const save = useTask(async () => {
    const text = await lockedIdentity(first.peek());
    file.value = handOver(text);
    savedFor.value = identity.peek()?.fingerprint ?? null;
  });
  const submit = (event: Event): void => {
    event.preventDefault();
    if (fits && !save.busy.peek()) void save.run();
  };
  if (file.value !== undefined) {
    return (
      <Dialog title={say('keep-title')} onClose={onClose}>
        <p role="status">{say('keep-done', { file: file.value })}</p>
        <div class="row">
          <Button kind="main" onPress={onClose}>
            {say('close')}
          </Button>
        </div>
      </Dialog>
    );
  }
  let note = '';
  if (first.value !== '' && !long) note = say('keep-short', { count: passphraseMin });
  else if (again.value !== '' && !fits) note = say('keep-differs');
  else if (fits) note = say('keep-fits');
  return (
    <Dialog title={say('keep-title')} onClose={onClose}>
      <p>{say('keep-how')}</p>
      <form class="stack" onSubmit={submit}>
        <Whose />
        <Passphrase
          id={`${id}-first`}
          label={say('keep-passphrase')}
          value={first.value}
          onInput={(value) => (first.value = value)}
        />
        <div class="field">
          <Passphrase
            id={`${id}-again`}
            label={say('keep-again')}
            value={again.value}
            onInput={(value) => (again.value = value)}
          />
          <p class="note" role="status" data-kind={fits ? 'good' : undefined}>
            {note}
          </p>
        </div>
        <Failure code={save.failure.value} />
        <div class="row">
          <Button kind="main" submit off={!fits || save.busy.value}>
            {say('keep-file')}
          </Button>
          <Button kind="plain" onPress={onClose}>
            {say('cancel')}
          </Button>
          {save.slow.value && <Wait atOnce>{say('keep-locking')}</Wait>}
        </div>
      </form>
    </Dialog>
  );
}

interface PassphraseOptions {
  id: string;
  label: string;
  value: string;
  known?: boolean;
  onInput: (value: string) => void;
}

/** Tells a password keeper whose passphrase it is; nobody sees it. */
export function Whose(): JSX.Element {
  return <input hidden readOnly autocomplete="username" value={address.value ?? say('muttr')} />;
}

export function Passphrase({ id, label, value, known = false, onInput }: PassphraseOptions): JSX.Element {
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input
        id={id}
        type="password"
        value={value}
        autocomplete={known ? 'current-password' : 'new-password'}
        onInput={(event) => onInput(event.currentTarget.value)}
      />
    </div>
  );
}

/** Lets the browser save the text as a file, and tells under what name. */
function handOver(text: string): string {
  const name = `muttr-${(address.peek() ?? 'identity').replace(/[^a-z0-9._-]+/g, '-')}.asc`;
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([text], { type: 'application/pgp-keys' }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  return name;
}
