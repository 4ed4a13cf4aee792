/** One seed for each database: the tab that has the lock is it. */

import { MuttrError } from './errors.js';

/** A tab that is being closed or reloaded has let go by then. */
const LOCK_MS_MAX = 1_000;

/** The database of this name. */
export function databaseOf(store: string | undefined): string {
  return store === undefined ? 'muttr' : `muttr#${store}`;
}

/**
 * Takes the lock of a database, and resolves to what gives it back.
 * @throws MuttrError ALREADY_OPEN when another tab has it and `wait` is false
 */
export function lock(
  database: string,
  wait: boolean,
  signal: AbortSignal | undefined,
): Promise<() => void> {
  // Node has no locks, and no tabs either.
  const locks = globalThis.navigator?.locks;
  if (!locks) return Promise.resolve(() => undefined);
  const patience = wait ? undefined : AbortSignal.timeout(LOCK_MS_MAX);
  const signals = [signal, patience].filter((each) => each !== undefined);
  return new Promise((resolve, reject) => {
    const held = locks.request(
      database,
      { signal: AbortSignal.any(signals) },
      () => new Promise<void>((release) => resolve(release)),
    );
    held.catch((cause) => {
      reject(patience?.aborted && !signal?.aborted ? new MuttrError('ALREADY_OPEN', { cause }) : cause);
    });
  });
}
