import { useSignal, type ReadonlySignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import type { Code } from 'muttr';
import { judgeFailure } from './phase';

/** Something that takes a while, may fail, and may be called off. */
export interface Task<Arguments extends unknown[]> {
  /** Starts it, calling off what still runs; resolves to whether it was done. */
  run(...args: Arguments): Promise<boolean>;
  /** Calls it off. */
  stop(): void;
  /** Forgets the last failure. */
  forget(): void;
  readonly busy: ReadonlySignal<boolean>;
  /** It has been running long enough to say what is waited for. */
  readonly slow: ReadonlySignal<boolean>;
  readonly failure: ReadonlySignal<Code | undefined>;
}

const slowAfterMs = 300;

/** A task that ends with the component that started it. */
export function useTask<Arguments extends unknown[]>(
  work: (signal: AbortSignal, ...args: Arguments) => Promise<unknown>,
): Task<Arguments> {
  const busy = useSignal(false);
  const slow = useSignal(false);
  const failure = useSignal<Code | undefined>(undefined);
  const current = useRef<AbortController | undefined>(undefined);

  const stop = (): void => current.current?.abort();
  useEffect(() => stop, []);

  async function run(...args: Arguments): Promise<boolean> {
    stop();
    const mine = new AbortController();
    current.current = mine;
    failure.value = undefined;
    busy.value = true;
    const timer = setTimeout(() => {
      slow.value = true;
    }, slowAfterMs);
    mine.signal.addEventListener('abort', () => clearTimeout(timer));
    try {
      await work(mine.signal, ...args);
      return !mine.signal.aborted;
    } catch (thrown) {
      if (!mine.signal.aborted) failure.value = judgeFailure(thrown);
      return false;
    } finally {
      clearTimeout(timer);
      if (current.current === mine) {
        busy.value = false;
        slow.value = false;
      }
    }
  }

  return { run, stop, forget: () => (failure.value = undefined), busy, slow, failure };
}
