import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import { say } from '../i18n/words';
import { IconButton } from '../parts/button';

/** One's own address, whole, and a way to hand it to others. */
export function CopyAddress({ address }: { address: string }): JSX.Element {
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
      <IconButton name={copied.value ? say('copied') : say('copy-address')} icon={copied.value ? 'done' : 'copy'} onPress={() => void copy()} />
      <span class="unseen" role="status">
        {copied.value ? say('copied') : ''}
      </span>
    </p>
  );
}
