import { readFile } from 'node:fs/promises';

import type { WasmSource } from './types.js';
import { defaultSource, load } from './wasm.js';

export { MuttrError, type Code, type Retry } from './errors.js';
export { Identity } from './identity.js';
export { join } from './join.js';
export type * from './types.js';

defaultSource(() => readFile(new URL('./muttr_bg.wasm', import.meta.url)));

// libp2p's WebSocket asks whether it is in a window or in a worker, and knows no third place.
Object.defineProperty(globalThis, 'WorkerGlobalScope', { value: class {}, configurable: true });

/** Loads the wasm, once; optional, since everything that needs it does it. */
export async function init(source?: WasmSource): Promise<void> {
  await load(source);
}
