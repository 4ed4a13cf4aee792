import { signal } from '@preact/signals';
import { MuttrError, type Code, type Seed } from 'muttr';

/** How far the page has come. */
export type Phase =
  /** Loading, or opening what is stored. */
  | { at: 'starting'; wait: 'loading' | 'opening' | 'other-tab' }
  /** The reader is asked whether this page may keep records for others. */
  | { at: 'asking' }
  /** The reader is asked for an alias. */
  | { at: 'naming' }
  | { at: 'running' }
  | { at: 'stopped'; code: Code };

export const phase = signal<Phase>({ at: 'starting', wait: 'loading' });
/** The seed that this page is, once it has joined. */
export const seed = signal<Seed | undefined>(undefined);

/** The seed, where it is certain that there is one. */
export function running(): Seed {
  const joined = seed.peek();
  if (joined === undefined) throw new Error('no seed has joined');
  return joined;
}

/** Ends in a sentence that says why. */
export function stop(code: Code): void {
  phase.value = { at: 'stopped', code };
}

/** The code to show for whatever was thrown; `undefined` when it was only called off. */
export function codeOf(thrown: unknown): Code | undefined {
  if (MuttrError.is(thrown)) return thrown.code;
  if (thrown instanceof DOMException && thrown.name === 'AbortError') return undefined;
  return 'UNKNOWN';
}

/** Like `codeOf`; a dead instance also ends the page, anything else is for who asked. */
export function judgeFailure(thrown: unknown): Code | undefined {
  const code = codeOf(thrown);
  if (code === 'INSTANCE_DEAD') stop(code);
  return code;
}
