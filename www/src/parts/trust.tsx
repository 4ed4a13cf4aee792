import type { Trust } from 'muttr';
import type { JSX } from 'preact';
import { say } from '../i18n/words';
import { Icon } from './icon';

/** How far a signature is believed: the facade's three, and one that does not hold at all. */
export type Belief = Trust | 'unsigned';

/** A mark with a word, never colour alone. */
export function TrustMark({ trust }: { trust: Belief }): JSX.Element {
  const icon = trust === 'verified' ? 'verified' : trust === 'unverified' ? 'unverified' : 'changed';
  return (
    <span class="trust" data-trust={trust}>
      <Icon name={icon} />
      {say(`trust-${trust}`)}
    </span>
  );
}

/** A first letter in a circle, so that a list can be scanned. */
export function Face({ address, size }: { address: string; size?: 'small' }): JSX.Element {
  return (
    <span class="face" data-size={size} aria-hidden="true">
      {address.slice(0, 1).toUpperCase()}
    </span>
  );
}
