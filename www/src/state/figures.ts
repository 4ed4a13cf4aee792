import { signal } from '@preact/signals';
import type { Seed, SeedStats } from 'muttr';
import { moved } from './preferences';

/** The figures of this moment. */
export const stats = signal<SeedStats | undefined>(undefined);

/** One reading, for the lines that show how it went. */
export interface Reading {
  kept: number;
  links: number;
  moved: number;
}
export const readings = signal<readonly Reading[]>([]);

const readingsMax = 60;
const everyMs = 2_000;

/** Follows the seed's figures for as long as it runs. */
export function followFigures(seed: Seed): void {
  void (async () => {
    let before = { rx: 0, tx: 0 };
    let lastReading = 0;
    for await (const now of seed.stats({ everyMs })) {
      stats.value = now;
      const step = { in: Math.max(0, now.rx - before.rx), out: Math.max(0, now.tx - before.tx) };
      before = now;
      count(step.in, step.out);
      if (Date.now() - lastReading < everyMs / 2) continue;
      lastReading = Date.now();
      const reading = {
        kept: now.storedBytes,
        links: now.connections.length,
        moved: moved.peek().in + moved.peek().out,
      };
      readings.value = [...readings.peek(), reading].slice(-readingsMax);
    }
  })().catch(() => {
    // The seed closed; its last figures stay in sight.
  });
}

function count(bytesIn: number, bytesOut: number): void {
  const day = new Date().toDateString();
  const today = moved.peek().day === day ? moved.peek() : { day, in: 0, out: 0 };
  if (bytesIn + bytesOut === 0 && today === moved.peek()) return;
  moved.value = { day, in: today.in + bytesIn, out: today.out + bytesOut };
}
