import type { Connection } from 'muttr';
import { duration, say } from '../i18n/words';
import { host } from '../state/seed';

/** How a link runs: to a pod, straight to another seed, or through the pod's relay to one. */
export type Way = 'pod' | 'direct' | 'relayed';

export function wayOf({ pod, elsewhere, direct }: Connection): Way {
  if (pod || elsewhere) return 'pod';
  return direct ? 'direct' : 'relayed';
}

/** One link for each seed, the straightest it has: the pod first, then by age, so that nobody
 * moves when someone new comes. */
export function linksOf(connections: readonly Connection[]): Connection[] {
  const best = new Map<string, Connection>();
  for (const each of connections) {
    const known = best.get(each.peer);
    if (known === undefined || (each.direct && !known.direct)) best.set(each.peer, each);
  }
  return [...best.values()].sort(
    (a, b) =>
      Number(b.pod) - Number(a.pod) || a.since.getTime() - b.since.getTime() || a.peer.localeCompare(b.peer),
  );
}

/** Who is at the other end. */
export function nameOf({ pod, elsewhere }: Connection): string {
  if (elsewhere) return say('peer-elsewhere');
  return pod ? say('peer-pod', { host: host.value }) : say('peer-seed');
}

/** How the link runs, in words. */
export function howOf(connection: Connection): string {
  const way = wayOf(connection);
  return way === 'relayed' ? say('peer-relayed') : `${say('peer-direct')}, ${say(`peer-kind-${connection.kind}`)}`;
}

/** All of it in one sentence. */
export function wordsOf(connection: Connection): string {
  const since = say('peer-since', { time: duration(connection.since) });
  return `${nameOf(connection)} · ${howOf(connection)} · ${since}`;
}
