/** What tests reach into a seed by. Built into the test build only, where it is imported. */

import { LivingSeed } from './seed.js';

/** The wasm's side, `handles.rs`. */
interface Handled {
  put(bytes: Uint8Array): Promise<string>;
  get(recordKey: string): Promise<Uint8Array>;
  echo(address: string, bytes: Uint8Array): Promise<Uint8Array>;
  pour(address: string, byteCount: number): Promise<{ openMs: number; pourMs: number }>;
  hangUp(peer: string): Promise<void>;
}

const names = ['put', 'get', 'echo', 'pour', 'hangUp'] as const;

for (const name of names) {
  Object.defineProperty(LivingSeed.prototype, name, {
    value(this: LivingSeed, ...given: unknown[]) {
      const ask = (inner: unknown) => {
        const handle = (inner as Handled)[name] as (...given: unknown[]) => Promise<unknown>;
        return handle.apply(inner, given);
      };
      return this.ask(ask, undefined);
    },
  });
}
