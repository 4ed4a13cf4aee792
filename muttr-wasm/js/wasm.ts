/**
 * The wasm: loaded once, and loaded anew after it died. A panic leaves an instance in a state that
 * nobody may build on, but WebAssembly would let the next call run all the same; so every call
 * goes through {@link call}, which knows whether the instance still lives.
 */

import { MuttrError, errorOf } from './errors.js';
import start, * as wasm from './muttr.js';
import type { WasmSource } from './types.js';

/** What an instance that died was asked before, and is told of its end. */
type Mourner = (error: MuttrError) => void;

let loading: Promise<typeof wasm> | undefined;
let died = false;
/** Counts instances, so that what belongs to a dead one is known. */
let generation = 0;
const mourners = new Set<Mourner>();
let sourceOf: () => WasmSource | Promise<WasmSource> = () => {
  throw new MuttrError('MISUSE');
};

/** Says where the wasm is unless `init` is told. */
export function defaultSource(source: typeof sourceOf): void {
  sourceOf = source;
}

/** Loads the wasm, or hands out the one that is loaded. */
export function load(source?: WasmSource): Promise<typeof wasm> {
  if (died) {
    died = false;
    generation += 1;
    loading = loading?.then(() => {
      wasm.__wbg_reset_state();
      return watched();
    });
  }
  loading ??= begin(source);
  // What could not be loaded now may be loaded later.
  loading.catch(() => (loading = undefined));
  return loading;
}

async function begin(source: WasmSource | undefined): Promise<typeof wasm> {
  await start({ module_or_path: source ?? (await sourceOf()) });
  return watched();
}

function watched(): typeof wasm {
  wasm.watchForDeath((place) => die(new Error(`panicked at ${place}`)));
  return wasm;
}

function die(cause: unknown): void {
  if (died) return;
  died = true;
  const error = new MuttrError('INSTANCE_DEAD', { cause });
  for (const mourner of [...mourners]) mourner(error);
  mourners.clear();
}

/** Belongs to the instance that lives when it is made, and dies with it. */
export class Bond {
  readonly #generation = generation;

  /** Whether the instance still lives. */
  get alive(): boolean {
    return !died && this.#generation === generation;
  }

  /** Has `mourner` told when the instance dies, until the returned function is called. */
  mourn(mourner: Mourner): () => void {
    mourners.add(mourner);
    return () => mourners.delete(mourner);
  }

  /** Calls into the wasm; what it throws becomes a `MuttrError`. */
  call<T>(run: () => T): T {
    if (!this.alive) throw new MuttrError('INSTANCE_DEAD');
    try {
      return run();
    } catch (thrown) {
      throw asError(thrown);
    }
  }

  /** The same for what answers later; rejects at once when the instance dies meanwhile. */
  ask<T>(run: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      signal?.throwIfAborted();
      const forget = this.mourn(reject);
      const abort = () => reject(signal?.reason);
      signal?.addEventListener('abort', abort, { once: true });
      const over = () => {
        forget();
        signal?.removeEventListener('abort', abort);
      };
      try {
        this.call(run).then(resolve, (thrown) => reject(asError(thrown))).finally(over);
      } catch (thrown) {
        over();
        throw thrown;
      }
    });
  }
}

function asError(thrown: unknown): unknown {
  if (typeof thrown === 'string') return errorOf(thrown);
  // A trap: nothing can be said of the instance any more, whether the panic hook ran or not.
  if (thrown instanceof WebAssembly.RuntimeError || thrown instanceof RangeError) {
    die(thrown);
    return new MuttrError('INSTANCE_DEAD', { cause: thrown });
  }
  return thrown;
}
