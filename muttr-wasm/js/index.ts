import type { IdentityFactory, Seed, SeedOptions, WasmSource } from './types.js';

export { MuttrError, type Code, type Retry } from './errors.js';
export type * from './types.js';

/** Loads the wasm, once; optional, since everything that needs it does it. */
export declare function init(source?: WasmSource): Promise<void>;

/** Makes, loads and imports identities. */
export declare const Identity: IdentityFactory;

/** Starts a seed. */
export declare function join(options: SeedOptions): Promise<Seed>;
