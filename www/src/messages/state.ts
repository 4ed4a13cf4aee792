import type { Delivery } from 'muttr';
import { atClock, known, lately, onDate, say } from '../i18n/words';
import { sentenceOf } from '../parts/failure';
import { minute } from '../state/clock';
import { host } from '../state/seed';

/** `9 seeds and 2 pods`, or whichever of the two there are. */
export function heldBy({ heldBy }: Delivery): string {
  const seeds = say('seeds-count', { count: heldBy.seeds });
  const pods = say('pods-count', { count: heldBy.pods });
  if (heldBy.seeds === 0) return pods;
  return heldBy.pods === 0 ? seeds : say('held-by', { seeds, pods });
}

/** How long a copy counts that was confirmed. */
const confirmedMs = 15 * 60_000;

/** Whether who is said to hold it did so a moment ago. */
export function isFresh({ confirmedAt }: Delivery): boolean {
  return confirmedAt !== undefined && minute.value - confirmedAt.getTime() <= confirmedMs;
}

/** Who had it, and at what time; where that is too long ago, since when nothing was heard. */
export function copiesOf(delivery: Delivery): string {
  const { confirmedAt } = delivery;
  const held = heldBy(delivery);
  if (confirmedAt === undefined) return held;
  return isFresh(delivery)
    ? say('copies-had', { held, time: atClock(confirmedAt) })
    : say('copies-unknown', { time: since(confirmedAt) });
}

/** The time, with the day where that is another one. */
export function since(when: Date): string {
  const [time, day] = [atClock(when), lately(when)];
  return day === time ? time : say('on-day-at', { day, time });
}

/** Why a message of ours is not further; about the recipient's pod where it is another one. */
export function reasonOf(delivery: Delivery): string {
  const { reason, to } = delivery;
  if (reason === undefined) return '';
  const there = to.split('@')[1] ?? '';
  const id = `elsewhere-${reason}`;
  const waits = delivery.status === 'queued' || delivery.status === 'stored';
  if (there === host.value || !waits || !known(id)) return sentenceOf(reason);
  const held = delivery.heldBy.seeds + delivery.heldBy.pods > 0 ? heldBy(delivery) : say('held-here');
  return say(id, { host: there, held });
}

/** How far a message of ours came. */
export function stateOf(delivery: Delivery): string {
  if (delivery.status === 'stored' && delivery.reason !== undefined) {
    return say('status-waiting', { held: heldBy(delivery), host: delivery.to.split('@')[1] ?? '' });
  }
  return say(`status-${delivery.status}`, { held: heldBy(delivery), copies: copiesOf(delivery) });
}

/** Until when the network keeps it, while that still matters. */
export function untilOf({ status, expires }: Delivery): string {
  return status === 'read' || status === 'lost' || expires === undefined ? '' : ` · ${expiryOf(expires)}`;
}

/** When the network forgets it, or that it has. */
function expiryOf(expires: Date): string {
  return say(expires.getTime() < Date.now() ? 'status-expired' : 'status-expires', { date: onDate(expires) });
}
