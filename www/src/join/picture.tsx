import type { JSX } from 'preact';
import { say } from '../i18n/words';

const seeds = [
  [150, 46, true],
  [214, 30, false],
  [262, 66, true],
  [176, 104, true],
  [232, 116, false],
] as const;

const links =
  'M62 76 150 46 214 30 262 66 358 76M62 76 176 104 232 116 358 76M150 46 176 104M214 30 204 72M262 66 232 116M204 72 150 46M204 72 176 104M204 72 262 66M204 72 232 116';

/** Two people, and between them seeds and a pod, some holding a copy of one sealed message. */
export function ArrivalPicture(): JSX.Element {
  return (
    <svg class="arrival-picture" viewBox="0 0 420 152" role="img" aria-label={say('arrival-picture')}>
      <path class="links" d={links} />
      {seeds.map(([x, y, keeps]) => (
        <g key={`${x}`} transform={`translate(${x} ${y})`}>
          <circle class="seed" r="15" />
          {keeps && <Sealed />}
        </g>
      ))}
      <g transform="translate(204 72)">
        <rect class="pod" x="-17" y="-17" width="34" height="34" rx="7" />
        <Sealed />
      </g>
      <Person x={46} />
      <Person x={374} />
    </svg>
  );
}

function Sealed(): JSX.Element {
  return (
    <g class="sealed">
      <rect x="-8" y="-5.5" width="16" height="11" rx="2" />
      <path d="m-7 -4 7 5 7-5" />
    </g>
  );
}

function Person({ x }: { x: number }): JSX.Element {
  return (
    <g class="person" transform={`translate(${x} 76)`}>
      <circle r="24" />
      <path d="M0 1a6 6 0 1 0 0-12A6 6 0 0 0 0 1Zm-11 13c.6-6 5-9 11-9s10.4 3 11 9" />
    </g>
  );
}
