import { signal } from '@preact/signals';

/** What o'clock it is, to the minute, for what grows old while one looks at it. */
export const minute = signal(Date.now());

setInterval(() => (minute.value = Date.now()), 60_000);
