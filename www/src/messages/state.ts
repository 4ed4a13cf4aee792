import type { Delivery } from 'muttr';
import { onDate, say } from '../i18n/words';

/** `9 seeds and 2 pods`. */
export function heldBy({ heldBy }: Delivery): string {
  return say('held-by', {
    seeds: say('seeds-count', { count: heldBy.seeds }),
    pods: say('pods-count', { count: heldBy.pods }),
  });
}

/** One line: how far a message of ours came, and until when the network keeps it. */
export function stateOf(delivery: Delivery): string {
  const state = say(`status-${delivery.status}`, { held: heldBy(delivery) });
  const over = delivery.status === 'read' || delivery.status === 'lost';
  return over || delivery.expires === undefined ? state : `${state} · ${expiryOf(delivery.expires)}`;
}

/** When the network forgets it, or that it has. */
export function expiryOf(expires: Date): string {
  return say(expires.getTime() < Date.now() ? 'status-expired' : 'status-expires', { date: onDate(expires) });
}
