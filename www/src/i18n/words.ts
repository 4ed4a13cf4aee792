import { FluentBundle, FluentResource, type FluentVariable } from '@fluent/bundle';
import english from './en.ftl?raw';

// Dates in the language of the words around them, in the reader's own form of it.
const locale = navigator.languages.find((each) => each.startsWith('en')) ?? 'en-GB';
// Isolation marks would end up in accessible names and copied text; addresses are set in <bdi>.
const bundle = new FluentBundle(locale, { useIsolating: false });
bundle.addResource(new FluentResource(english));

const clock = new Intl.DateTimeFormat(locale, { hour: '2-digit', minute: '2-digit' });
const day = new Intl.DateTimeFormat(locale, { weekday: 'short', day: 'numeric', month: 'short' });
const date = new Intl.DateTimeFormat(locale, { day: 'numeric', month: 'short' });
const full = new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'short' });

/** The words for `id` in the reader's language. */
export function say(id: string, variables?: Record<string, FluentVariable>): string {
  const pattern = bundle.getMessage(id)?.value;
  return pattern ? bundle.formatPattern(pattern, variables) : id;
}

/** Whether the catalogue has `id`. */
export function known(id: string): boolean {
  return bundle.hasMessage(id);
}

/** Bytes in the largest unit that leaves at least 1, with one digit where it tells something. */
export function size(bytes: number): string {
  const units = ['size-bytes', 'size-kib', 'size-mib', 'size-gib'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  const digits = unit > 0 && value < 10 ? 1 : 0;
  return say(units[unit] ?? 'size-bytes', { n: Number(value.toFixed(digits)) });
}

/** The time since `from` in its largest unit. */
export function duration(from: Date, now = Date.now()): string {
  const seconds = Math.max(0, Math.round((now - from.getTime()) / 1000));
  if (seconds < 60) return say('duration-seconds', { count: seconds });
  if (seconds < 3600) return say('duration-minutes', { count: Math.floor(seconds / 60) });
  if (seconds < 86_400) return say('duration-hours', { count: Math.floor(seconds / 3600) });
  return say('duration-days', { count: Math.floor(seconds / 86_400) });
}

/** Hour and minute. */
export const atClock = (when: Date): string => clock.format(when);
/** Day and month. */
export const onDate = (when: Date): string => date.format(when);
/** Day, month, year, hour and minute. */
export const inFull = (when: Date): string => full.format(when);

/** The day of a message, as a heading between messages. */
export function dayOf(when: Date, now = new Date()): string {
  const yesterday = new Date(now.getFullYear(), now.getMonth(), now.getDate() - 1);
  if (when.toDateString() === now.toDateString()) return say('day-today');
  if (when.toDateString() === yesterday.toDateString()) return say('day-yesterday');
  return day.format(when);
}

/** When a conversation was last added to: the time today, else the day. */
export function lately(when: Date): string {
  return when.toDateString() === new Date().toDateString() ? atClock(when) : onDate(when);
}

/** A fingerprint in groups of four, for eyes and for reading aloud. */
export function grouped(fingerprint: string): string {
  return (
    fingerprint
      .toUpperCase()
      .match(/.{1,4}/g)
      ?.join(' ') ?? ''
  );
}
