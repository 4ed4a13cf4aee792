import { effect, signal, type Signal } from '@preact/signals';
import { asName } from './place';

/** How the page looks. */
export type Appearance = 'system' | 'light' | 'dark';

/** Bytes moved on one day. */
export interface Moved {
  day: string;
  in: number;
  out: number;
}

const prefix = `muttr/${asName ?? ''}/`;

/** A small value that outlives the page, in this origin's local storage. */
export function remembered<T>(name: string, fallback: T): Signal<T> {
  const key = prefix + name;
  const value = signal(read(key, fallback));
  effect(() => {
    const text = JSON.stringify(value.value);
    try {
      if (text === undefined) localStorage.removeItem(key);
      else localStorage.setItem(key, text);
    } catch {
      // Storage is closed or full: the choice holds for as long as the page is open.
    }
  });
  return value;
}

function read<T>(key: string, fallback: T): T {
  try {
    const text = localStorage.getItem(key);
    return text === null ? fallback : (JSON.parse(text) as T);
  } catch {
    return fallback;
  }
}

/** What is kept for others when it is switched on, in bytes. */
export const keepBytesDefault = 128 * 1024 * 1024;

/** The answer to the arrival question: bytes kept for others, 0 for none, null while unasked. */
export const keepBytes = remembered<number | null>('keep', null);
/** The size that comes back when keeping is switched on again. */
export const keepBytesChosen = remembered<number>('keep-size', keepBytesDefault);
/** Whether other seeds shall not see this page's address. */
export const hidden = remembered<boolean>('hidden', false);
/** The fingerprint whose identity file was saved. */
export const savedFor = remembered<string | null>('saved', null);
/** Whether the question for an alias was put aside. */
export const aliasSkipped = remembered<boolean>('alias-skipped', false);
/** Light, dark, or as the system has it. */
export const appearance = remembered<Appearance>('appearance', 'system');
/** What was moved today. */
export const moved = remembered<Moved>('moved', { day: '', in: 0, out: 0 });

/** Puts the chosen appearance on the document, and keeps it there. */
export function followAppearance(): void {
  effect(() => {
    document.documentElement.dataset['appearance'] = appearance.value;
  });
}
