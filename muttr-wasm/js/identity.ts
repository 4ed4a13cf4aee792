import { MuttrError } from './errors.js';
import type * as wasm from './muttr.js';
import { databaseOf } from './tabs.js';
import type { Identity as Public, IdentityFactory, StoreOptions } from './types.js';
import { Bond, load } from './wasm.js';

/** What an application holds: the type under the name of what makes it. */
export type Identity = Public;

/** An identity inside the wasm. */
export class Person implements Identity {
  readonly #bond = new Bond();
  #inner: wasm.Person | undefined;
  readonly fingerprint: string;

  constructor(inner: wasm.Person) {
    this.#inner = inner;
    this.fingerprint = inner.fingerprint();
  }

  certificate(): Uint8Array {
    return this.#bond.call(() => this.#living().certificate());
  }

  async export(passphrase: string): Promise<string> {
    return this.#bond.call(() => this.#living().export(passphrase));
  }

  save({ store }: StoreOptions = {}): Promise<void> {
    return this.#bond.ask(() => this.#living().save(databaseOf(store)));
  }

  /** For a seed to take along. */
  copy(): wasm.Person {
    return this.#bond.call(() => this.#living().copy());
  }

  dispose(): void {
    const inner = this.#inner;
    this.#inner = undefined;
    if (this.#bond.alive) inner?.free();
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
    const { Person: Inner } = await load();
    signal?.throwIfAborted();
    return new Person(new Bond().call(() => Inner.create()));
  },

  async load({ store } = {}) {
    const { Person: Inner } = await load();
    const inner = await new Bond().ask(() => Inner.load(databaseOf(store)));
    return inner && new Person(inner);
  },

  async import(key, passphrase) {
    const { Person: Inner } = await load();
    const bytes = typeof key === 'string' ? new TextEncoder().encode(key) : key;
    return new Person(new Bond().call(() => Inner.import(bytes, passphrase)));
  },
};
