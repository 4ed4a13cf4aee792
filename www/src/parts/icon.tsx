import type { JSX } from 'preact';

const paths = {
  conversations:
    'M4 5.5h12a1.5 1.5 0 0 1 1.5 1.5v6a1.5 1.5 0 0 1-1.5 1.5H9.5L6 17.5v-3H4A1.5 1.5 0 0 1 2.5 13V7A1.5 1.5 0 0 1 4 5.5Z',
  network:
    'M10 8a2 2 0 1 0 0 4 2 2 0 0 0 0-4ZM4 3.5a1.5 1.5 0 1 0 0 3 1.5 1.5 0 0 0 0-3Zm12.5 0h-2v2h2ZM4.5 14.5a1.5 1.5 0 1 0 0 3 1.5 1.5 0 0 0 0-3Zm11 0a1.5 1.5 0 1 0 0 3 1.5 1.5 0 0 0 0-3ZM5.2 6l3.3 2.6m6-3.1-3 3M5.6 15l3-3.4m3 0 3 3.4',
  people:
    'M7.5 9.5a3 3 0 1 0 0-6 3 3 0 0 0 0 6ZM2 17c.4-3 2.6-5 5.5-5s5.1 2 5.5 5M13.5 9a2.5 2.5 0 0 0 0-5m1 8.3c1.9.6 3.2 2.3 3.5 4.7',
  settings:
    'M3 6h8m4 0h2M3 14h2m4 0h8M13 4.2a1.8 1.8 0 1 1 0 3.6 1.8 1.8 0 0 1 0-3.6Zm-6 8a1.8 1.8 0 1 1 0 3.6 1.8 1.8 0 0 1 0-3.6Z',
  back: 'm12 4-6 6 6 6',
  down: 'M10 4v12m-5-5 5 5 5-5',
  close: 'm5 5 10 10M15 5 5 15',
  write: 'm4 16 .8-3.4L13.4 4a1.5 1.5 0 0 1 2.1 0l.5.5a1.5 1.5 0 0 1 0 2.1L7.4 15.2ZM12 5.5 14.5 8',
  send: 'm3 10 14-6.5L12.5 17l-3-5.5ZM9.5 11.5 17 3.5',
  answer: 'm8 5-5 4.5L8 14v-3c4 0 7 1 9 4-.4-4.5-3.3-8-9-8Z',
  copy: 'M7 7h9v9H7ZM13 7V4H4v9h3',
  warn: 'M10 3 1.8 17h16.4ZM10 8v4m0 2.5v.1',
  failed: 'M10 2.5a7.5 7.5 0 1 0 0 15 7.5 7.5 0 0 0 0-15ZM10 6v5m0 2.8v.1',
  verified: 'M10 2.5 16 4.5v5c0 4-2.5 6.5-6 8-3.5-1.5-6-4-6-8v-5Zm-2.5 7.5 1.8 1.8L12.8 8',
  unverified: 'M10 2.5 16 4.5v5c0 4-2.5 6.5-6 8-3.5-1.5-6-4-6-8v-5Z',
  changed: 'M10 2.5 16 4.5v5c0 4-2.5 6.5-6 8-3.5-1.5-6-4-6-8v-5ZM10 6.5V11m0 2.3v.1',
  save: 'M10 3v9m-3.5-3.5L10 12l3.5-3.5M4 14v2.5h12V14',
  done: 'm4.5 10.5 3.5 3.5 7.5-8',
  person: 'M10 10a3.2 3.2 0 1 0 0-6.4 3.2 3.2 0 0 0 0 6.4ZM4 17c.5-3.2 2.9-5 6-5s5.5 1.8 6 5',
} as const;

/** The pictures of the page; what they mean is always also said in words. */
export type IconName = keyof typeof paths;

export function Icon({ name }: { name: IconName }): JSX.Element {
  return (
    <svg class="icon" viewBox="0 0 20 20" aria-hidden="true">
      <path d={paths[name]} />
    </svg>
  );
}
