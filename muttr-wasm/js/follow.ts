/** The two things of a seed that can be followed: what arrives, and the figures. */

import { messageOf } from './convert.js';
import { Queue, type Emitter } from './events.js';
import type { MessageView } from './muttr.js';
import type { InboxOptions, Message, SeedEvents, SeedStats, StatsFeed, StatsOptions } from './types.js';

/** What goes on inside a seed, beyond what applications are told. */
export interface InnerEvents extends SeedEvents {
  /** A message, with the number of its arrival. */
  arrival: MessageView;
  /** Nothing more comes; with why, if it was not asked for. */
  end: unknown;
}

/** Has the queue end with the seed and fail with the signal; returns what undoes it. */
function bind(queue: Queue<unknown>, events: Emitter<InnerEvents>, signal: AbortSignal | undefined): () => void {
  const abort = () => queue.fail(signal?.reason);
  signal?.addEventListener('abort', abort, { once: true });
  const stop = events.on('end', (error) => (error === undefined ? queue.end() : queue.fail(error)));
  return () => {
    signal?.removeEventListener('abort', abort);
    stop();
  };
}

/** Messages the application has not advanced past, then those that come. */
export async function* followInbox(
  events: Emitter<InnerEvents>,
  waiting: () => Promise<MessageView[]>,
  advance: (arrival: number) => void,
  { live = true, signal }: InboxOptions,
): AsyncGenerator<Message, void, undefined> {
  signal?.throwIfAborted();
  const arrived = new Queue<MessageView>();
  // Listening comes first, so that nothing falls between what waits and what comes.
  const stops = [events.on('arrival', (view) => arrived.push(view)), bind(arrived, events, signal)];
  let last = 0;
  try {
    for (const view of await waiting()) {
      last = view.arrival;
      yield messageOf(view);
      advance(last);
    }
    while (live) {
      const view = await arrived.take();
      if (!view) return;
      if (view.arrival <= last) continue;
      last = view.arrival;
      yield messageOf(view);
      advance(last);
    }
  } finally {
    for (const stop of stops) stop();
  }
}

/** The figures: awaited once, or followed. */
export function followStats(
  events: Emitter<InnerEvents>,
  now: () => SeedStats,
  { everyMs, signal }: StatsOptions,
): StatsFeed {
  return {
    then(resolve, reject) {
      return new Promise<SeedStats>((done) => {
        signal?.throwIfAborted();
        done(now());
      }).then(resolve, reject);
    },
    async *[Symbol.asyncIterator]() {
      signal?.throwIfAborted();
      const changes = new Queue<SeedStats>();
      const timer = everyMs === undefined ? undefined : setInterval(() => changes.push(now()), everyMs);
      const stops = [events.on('stats', (stats) => changes.push(stats)), bind(changes, events, signal)];
      try {
        for (let stats: SeedStats | undefined = now(); stats; stats = await changes.take()) yield stats;
      } finally {
        clearInterval(timer);
        for (const stop of stops) stop();
      }
    },
  };
}
