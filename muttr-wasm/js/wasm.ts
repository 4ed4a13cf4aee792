/**
 * The wasm: compiled once, instantiated once, and once more after an instance died. A panic leaves
 * an instance in a state that nobody may build on, but WebAssembly would let the next call run all
 * the same; so every call goes through its {@link Instance}, which knows whether it still lives.
 */

import { MuttrError, errorOf } from './errors.js';
import glue, { type Wasm } from './muttr.js';
import type { WasmSource } from './types.js';

let sourceOf: () => WasmSource | Promise<WasmSource> = () => {
  throw new MuttrError('MISUSE');
};
let module: Promise<WebAssembly.Module> | undefined;
let instance: Promise<Instance> | undefined;

/** Says where the wasm is unless `init` is told. */
export function defaultSource(source: typeof sourceOf): void {
  sourceOf = source;
}

/** The instance that lives; the first one, or the next one, is made when there is none. */
export async function load(source?: WasmSource): Promise<Instance> {
  if (!instance || !(await instance).alive) instance = start(source);
  const starting = instance;
  // What could not be loaded now may be loaded later.
  starting.catch(() => {
    if (instance === starting) instance = module = undefined;
  });
  return starting;
}

async function start(source: WasmSource | undefined): Promise<Instance> {
  module ??= compile(source);
  const wasm = glue();
  await wasm({ module_or_path: await module });
  return new Instance(wasm);
}

async function compile(source: WasmSource | undefined): Promise<WebAssembly.Module> {
  const given = source ?? (await sourceOf());
  if (given instanceof WebAssembly.Module) return given;
  const found = typeof given === 'string' || given instanceof URL ? await fetch(given) : given;
  if (!(found instanceof Response)) return WebAssembly.compile(found);
  if (!found.ok) throw new MuttrError('NOT_FOUND', { cause: new Error(`${found.status} ${found.url}`) });
  const streams = found.headers.get('content-type')?.startsWith('application/wasm');
  return streams ? WebAssembly.compileStreaming(found) : WebAssembly.compile(await found.arrayBuffer());
}

/** Told that its instance died. */
type Mourner = (error: MuttrError) => void;

/** One instance of the wasm. */
export class Instance {
  readonly wasm: Wasm;
  readonly #mourners = new Set<Mourner>();
  #death: MuttrError | undefined;

  constructor(wasm: Wasm) {
    this.wasm = wasm;
    wasm.watchForDeath((place) => this.#die(new Error(`panicked at ${place}`)));
  }

  get alive(): boolean {
    return this.#death === undefined;
  }

  /** Has `mourner` told when it dies, until the returned function is called. */
  mourn(mourner: Mourner): () => void {
    this.#mourners.add(mourner);
    return () => this.#mourners.delete(mourner);
  }

  /** Calls into it; what that throws becomes a `MuttrError`. */
  call<T>(run: (wasm: Wasm) => T): T {
    if (this.#death) throw this.#death;
    try {
      return run(this.wasm);
    } catch (thrown) {
      throw this.#asError(thrown);
    }
  }

  /** The same for what answers later; rejects at once when it dies meanwhile. */
  async ask<T>(run: (wasm: Wasm) => Promise<T>, signal?: AbortSignal): Promise<T> {
    signal?.throwIfAborted();
    const answer = this.call(run);
    return new Promise<T>((resolve, reject) => {
      const forget = this.mourn(reject);
      const abort = () => reject(signal?.reason);
      signal?.addEventListener('abort', abort, { once: true });
      const refuse = (thrown: unknown) => reject(this.#asError(thrown));
      answer.then(resolve, refuse).finally(() => {
        forget();
        signal?.removeEventListener('abort', abort);
      });
    });
  }

  #asError(thrown: unknown): unknown {
    if (typeof thrown === 'string') return errorOf(thrown);
    // A trap: nothing can be said of the instance any more, whether the panic hook ran or not.
    if (thrown instanceof WebAssembly.RuntimeError || thrown instanceof RangeError) this.#die(thrown);
    return this.#death ?? thrown;
  }

  #die(cause: unknown): void {
    if (this.#death) return;
    this.#death = new MuttrError('INSTANCE_DEAD', { cause });
    for (const mourner of [...this.#mourners]) mourner(this.#death);
    this.#mourners.clear();
  }
}
