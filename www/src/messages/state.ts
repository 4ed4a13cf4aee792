import type { Delivery } from 'muttr';
import { onDate, say } from '../i18n/words';

/** `9 seeds and 2 pods`, or whichever of the two there are. */
export function heldBy({ heldBy }: Delivery): string {
  const seeds = say('seeds-count', { count: heldBy.seeds });
  const pods = say('pods-count', { count: heldBy.pods });
  if (heldBy.seeds === 0) return pods;
  return heldBy.pods === 0 ? seeds : say('held-by', { seeds, pods });
}

/** How far a message of ours came. */
export function stateOf(delivery: Delivery): string {
  return say(`status-${delivery.status}`, { held: heldBy(delivery) });
}

/** Until when the network keeps it, while that still matters. */
export function untilOf({ status, expires }: Delivery): string {
  return status === 'read' || status === 'lost' || expires === undefined ? '' : ` · ${expiryOf(expires)}`;
}

/** When the network forgets it, or that it has. */
function expiryOf(expires: Date): string {
  return say(expires.getTime() < Date.now() ? 'status-expired' : 'status-expires', { date: onDate(expires) });
}
