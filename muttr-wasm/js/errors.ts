import { CODES, type Code, type Retry } from './codes.js';

export type { Code, Retry };

/** Why something was not done. `code` is stable and for programs, `message` is for people. */
export class MuttrError extends Error {
  override readonly name = 'MuttrError';
  readonly code: Code;

  constructor(code: Code, options?: ErrorOptions) {
    super(CODES[code].sentence, options);
    this.code = code;
  }

  /** Whether asking again helps: `never`, `later`, or once something was `changed`. */
  get retry(): Retry {
    return CODES[this.code].retry;
  }

  /** Whether `value` is one, even of another copy of this module. */
  static is(value: unknown): value is MuttrError {
    return value instanceof Error && value.name === 'MuttrError' && isCode((value as MuttrError).code);
  }
}

/** Whether this is a code that this version knows. */
export function isCode(value: unknown): value is Code {
  return typeof value === 'string' && Object.hasOwn(CODES, value);
}

/** The error for a code that came out of the wasm. */
export function errorOf(code: string, cause?: unknown): MuttrError {
  return new MuttrError(isCode(code) ? code : 'UNKNOWN', cause === undefined ? undefined : { cause });
}
