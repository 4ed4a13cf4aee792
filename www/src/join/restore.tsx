import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import { useId } from 'preact/hooks';
import { say } from '../i18n/words';
import { Button } from '../parts/button';
import { Dialog } from '../parts/dialog';
import { Failure } from '../parts/failure';
import { Wait } from '../parts/wait';
import { restore } from '../state/seed';
import { useTask } from '../state/task';
import { Passphrase, Whose } from './keep';

/** Brings an identity back from the file that `Keep` wrote. */
export function Restore({ onClose }: { onClose: () => void }): JSX.Element {
  const id = useId();
  const file = useSignal<File | undefined>(undefined);
  const passphrase = useSignal('');
  const open = useTask(async () => {
    const bytes = await file.peek()?.arrayBuffer();
    if (bytes !== undefined) await restore(new Uint8Array(bytes), passphrase.peek());
  });
  const ready = file.value !== undefined && passphrase.value !== '' && !open.busy.value;
  const submit = (event: Event): void => {
    event.preventDefault();
    if (ready) void open.run();
  };
  return (
    <Dialog title={say('restore-title')} onClose={onClose}>
      <p>{say('restore-how')}</p>
      <p class="small quiet">{say('restore-replaces')}</p>
      <form class="stack" onSubmit={submit}>
        <Whose />
        <div class="field">
          <label for={`${id}-file`}>{say('restore-file')}</label>
          <input
            id={`${id}-file`}
            type="file"
            accept=".asc,.pgp,.gpg,.key,application/pgp-keys"
            onChange={(event) => (file.value = event.currentTarget.files?.[0])}
          />
        </div>
        <Passphrase
          id={`${id}-passphrase`}
          label={say('keep-passphrase')}
          value={passphrase.value}
          known
          onInput={(value) => (passphrase.value = value)}
        />
        <Failure code={open.failure.value} />
        <div class="row">
          <Button kind="main" submit off={!ready}>
            {say('restore-open')}
          </Button>
          <Button kind="plain" onPress={onClose}>
            {say('cancel')}
          </Button>
          {open.slow.value && <Wait atOnce>{say('restore-opening')}</Wait>}
        </div>
      </form>
    </Dialog>
  );
}
