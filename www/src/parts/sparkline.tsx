import type { JSX } from 'preact';

const width = 120;
const height = 28;

/** How a figure went lately, newest at the right. The figure itself stands beside it in words. */
export function Sparkline({ values }: { values: readonly number[] }): JSX.Element {
  const low = Math.min(...values);
  const high = Math.max(...values);
  const y = (value: number): number =>
    high === low ? height - 2 : height - 2 - ((value - low) / (high - low)) * (height - 4);
  const step = width / Math.max(values.length - 1, 1);
  const points = values.map((value, at) => `${(at * step).toFixed(1)},${y(value).toFixed(1)}`);
  return (
    <svg class="sparkline" viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none" aria-hidden="true">
      {points.length > 1 && <polyline points={points.join(' ')} />}
    </svg>
  );
}
