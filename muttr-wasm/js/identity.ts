import { MuttrError } from './errors.js';
import type * as wasm from './muttr.js';
import { databaseOf } from './tabs.js';
import type { Identity as Public, IdentityFactory, StoreOptions } from './types.js';
import { load, type Instance } from './wasm.js';

/** What an application holds: the type under the name of what makes it. */
export type Identity = Public;

/** An identity inside the wasm. */
export class Person implements Identity {
  readonly #instance: Instance;
  #inner: wasm.Person | undefined;
  readonly fingerprint: string;

  constructor(instance: Instance, inner: wasm.Person) {
    this.#instance = instance;
    this.#inner = inner;
    this.fingerprint = inner.fingerprint();
  }

  certificate(): Uint8Array {
    return this.#instance.call(() => this.#living().certificate());
  }

  async export(passphrase: string): Promise<string> {
    return this.#instance.call(() => this.#living().export(passphrase));
  }

  save({ store }: StoreOptions = {}): Promise<void> {
    return this.#instance.ask(() => this.#living().save(databaseOf(store)));
  }

  /** For a seed to take along. */
  copy(): wasm.Person {
    return this.#instance.call(() => this.#living().copy());
  }

  dispose(): void {
    const inner = this.#inner;
    this.#inner = undefined;
    if (this.#instance.alive) inner?.free();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #living(): wasm.Person {
    if (!this.#inner) throw new MuttrError('CLOSED');
    return this.#inner;
  }
}

/** Makes, loads and imports identities. */
export const Identity: IdentityFactory = {
  async create({ signal } = {}) {
    const instance = await load();
    signal?.throwIfAborted();
    return new Person(instance, instance.call((wasm) => wasm.Person.create()));
  },

  async load({ store } = {}) {
    const instance = await load();
    const inner = await instance.ask((wasm) => wasm.Person.load(databaseOf(store)));
    return inner && new Person(instance, inner);
  },

  async import(key, passphrase) {
    const instance = await load();
    const bytes = typeof key === 'string' ? new TextEncoder().encode(key) : key;
    return new Person(instance, instance.call((wasm) => wasm.Person.import(bytes, passphrase)));
  },
};
