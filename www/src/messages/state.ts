import type { Delivery } from 'muttr';
import { onDate, say } from '../i18n/words';

/** `9 seeds and 2 pods`. */
export function heldBy({ heldBy }: Delivery): string {
  return say('held-by', {
    seeds: say('seeds-count', { count: heldBy.seeds }),
    pods: say('pods-count', { count: heldBy.pods }),
  });
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
