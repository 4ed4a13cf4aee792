import type { AbortOptions } from './types.js';

/** Calls whoever listens; one that throws stops nobody else. */
export class Emitter<Events> {
  readonly #listeners = new Map<keyof Events, Set<(event: never) => void>>();

  /** Listens until the returned function is called or the signal aborts. */
  on<Kind extends keyof Events>(
    kind: Kind,
    listen: (event: Events[Kind]) => void,
    { signal }: AbortOptions = {},
  ): () => void {
    if (signal?.aborted) return () => undefined;
    const all = this.#listeners.get(kind) ?? new Set();
    this.#listeners.set(kind, all);
    // A listener of its own for each call, so that the same function may listen twice.
    const one = (event: never) => listen(event);
    all.add(one);
    const stop = () => {
      all.delete(one);
      signal?.removeEventListener('abort', stop);
    };
    signal?.addEventListener('abort', stop, { once: true });
    return stop;
  }

  emit<Kind extends keyof Events>(kind: Kind, event: Events[Kind]): void {
    for (const listen of [...(this.#listeners.get(kind) ?? [])]) {
      try {
        listen(event as never);
      } catch (error) {
        // As an event target would: to the console, and on.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}

/** Things that wait for whoever takes them, one at a time, until it ends or fails. */
export class Queue<T> {
  readonly #waiting: T[] = [];
  #over: { error?: unknown } | undefined;
  #wake: (() => void) | undefined;

  push(thing: T): void {
    this.#waiting.push(thing);
    this.#wake?.();
  }

  /** What waits is still handed out, then nothing more. */
  end(): void {
    this.#over ??= {};
    this.#wake?.();
  }

  /** What waits is still handed out, then `take` rejects. */
  fail(error: unknown): void {
    this.#over ??= { error };
    this.#wake?.();
  }

  /** The next thing, or `undefined` at the end. */
  async take(): Promise<T | undefined> {
    while (this.#waiting.length === 0) {
      if (this.#over && 'error' in this.#over) throw this.#over.error;
      if (this.#over) return undefined;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    return this.#waiting.shift();
  }
}
