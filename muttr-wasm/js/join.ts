import { MuttrError } from './errors.js';
import { Person } from './identity.js';
import { findPod } from './pod.js';
import { checkedQuota, LivingSeed } from './seed.js';
import { databaseOf, lock } from './tabs.js';
import type { Seed, SeedOptions } from './types.js';
import { load } from './wasm.js';

/**
 * Starts a seed.
 * @throws MuttrError ALREADY_OPEN, POD_UNREACHABLE, INSECURE_CONTEXT, STORAGE_FAILED, MISUSE, …
 */
export async function join(options: SeedOptions): Promise<Seed> {
  const { hideAddress: hidden = false, identity, signal, storage, store, tabs = 'exclusive' } = options;
  signal?.throwIfAborted();
  if (identity && !(identity instanceof Person)) throw new MuttrError('MISUSE');
  // It would keep nothing, and be nobody.
  if (hidden && !identity) throw new MuttrError('MISUSE');
  const quotaBytes = storage && checkedQuota(storage.quotaBytes);
  if (options.WebSocket) globalThis.WebSocket ??= options.WebSocket;
  const [instance, pod] = await Promise.all([load(), findPod(options.pod, signal)]);
  const database = databaseOf(store);
  const unlock = await lock(database, tabs === 'wait', signal);
  const { host, channel, answer } = pod;
  const start = { database, host, channel, pod: answer, quotaBytes, hidden };
  const seed = await LivingSeed.start(instance, start, identity?.copy(), unlock);
  if (!options.offline) {
    try {
      await seed.online(signal);
    } catch (error) {
      await seed.close();
      throw error;
    }
  }
  return seed;
}
