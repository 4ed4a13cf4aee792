import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import { say } from '../i18n/words';
import { AliasForm } from '../join/alias';
import { Button, IconButton } from '../parts/button';
import { Dialog } from '../parts/dialog';
import { address } from '../state/seed';

/** One's own address, whole, with a way to hand it to others; or the way to get one. */
export function OwnAddress(): JSX.Element {
  return address.value === undefined ? <NoAddress /> : <Address address={address.value} />;
}

function Address({ address }: { address: string }): JSX.Element {
  const copied = useSignal(false);
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(address);
      copied.value = true;
      setTimeout(() => (copied.value = false), 2_000);
    } catch {
      // Not allowed to: the address is there to be read and selected.
    }
  };
  return (
    <p class="own-address">
      <bdi data-own-address>{address}</bdi>
      <IconButton
        name={copied.value ? say('copied') : say('copy-address')}
        icon={copied.value ? 'done' : 'copy'}
        onPress={() => void copy()}
      />
      <span class="unseen" role="status">
        {copied.value ? say('copied') : ''}
      </span>
    </p>
  );
}

function NoAddress(): JSX.Element {
  const naming = useSignal(false);
  return (
    <>
      <p class="small quiet">{say('alias-missing')}</p>
      <Button onPress={() => (naming.value = true)}>{say('alias-choose')}</Button>
      {naming.value && <AliasDialog onClose={() => (naming.value = false)} />}
    </>
  );
}

/** Asks for an alias where one is missing. */
export function AliasDialog({ onClose }: { onClose: () => void }): JSX.Element {
  return (
    <Dialog title={say('alias-title')} onClose={onClose}>
      <p class="quiet">{say('alias-why')}</p>
      <AliasForm onTaken={onClose} />
    </Dialog>
  );
}
