/** One seed for each database: the tab that has the lock is it. */

import { MuttrError } from './errors.js';

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
  return new Promise((resolve, reject) => {
    const options: LockOptions = wait ? (signal ? { signal } : {}) : { ifAvailable: true };
    const held = locks.request(database, options, (granted) => {
      if (!granted) throw new MuttrError('ALREADY_OPEN');
      return new Promise<void>((release) => resolve(release));
    });
    held.catch(reject);
  });
}
