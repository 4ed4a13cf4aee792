import type { JSX } from 'preact';
import { say, size } from '../i18n/words';
import { Sparkline } from '../parts/sparkline';
import { Wait } from '../parts/wait';
import { readings, stats } from '../state/figures';
import { moved } from '../state/preferences';
import { HideSwitch } from './hide-switch';
import { KeepSwitch } from './keep-switch';
import { Links } from './links';
import { Picture } from './picture';
import { linksOf, wayOf, type Way } from './way';

/** What this page carries for others, and whom it is linked to. */
export function Network(): JSX.Element {
  const now = stats.value;
  return (
    <div class="room">
      <h1>{say('network-title')}</h1>
      {now === undefined ? (
        <Wait>{say('wait-opening')}</Wait>
      ) : (
        <>
          <Figures />
          <div class="halves">
            <Picture connections={now.connections} />
            <div class="stack">
              <KeepSwitch />
              <HideSwitch />
            </div>
          </div>
          <Links connections={now.connections} />
        </>
      )}
    </div>
  );
}

function Figures(): JSX.Element | null {
  const now = stats.value;
  if (now === undefined) return null;
  const ways = linksOf(now.connections).map(wayOf);
  const count = (way: Way): number => ways.filter((each) => each === way).length;
  const today = moved.value;
  return (
    <ul class="figures">
      <Figure
        name={say('figure-kept')}
        value={size(now.storedBytes)}
        notes={[
          say('kept-records', { count: now.storedRecords }),
          now.quotaBytes > 0 ? say('kept-of', { size: size(now.quotaBytes) }) : say('kept-off'),
        ]}
        line={readings.value.map((each) => each.kept)}
        hook="kept"
        raw={now.storedRecords}
      />
      <Figure
        name={say('figure-links')}
        value={String(ways.length)}
        notes={[
          say('links-direct', { count: count('direct') }),
          say('links-relayed', { count: count('relayed') }),
          say('pods-count', { count: count('pod') }),
        ]}
        line={readings.value.map((each) => each.links)}
        hook="links"
        raw={ways.length}
      />
      <Figure
        name={say('figure-moved')}
        value={size(today.in + today.out)}
        notes={[say('moved-in', { size: size(today.in) }), say('moved-out', { size: size(today.out) })]}
        line={readings.value.map((each) => each.moved)}
        hook="moved"
        raw={today.in + today.out}
      />
    </ul>
  );
}

interface FigureOptions {
  name: string;
  value: string;
  notes: readonly string[];
  line: readonly number[];
  /** What it is called in `data-figure`, and its plain number in `data-value`. */
  hook: string;
  raw: number;
}

function Figure({ name, value, notes, line, hook, raw }: FigureOptions): JSX.Element {
  return (
    <li class="card figure" data-figure={hook} data-value={raw}>
      <span class="value">{value}</span>
      <span class="name">{name}</span>
      <span class="small quiet">{notes.join(' · ')}</span>
      <Sparkline values={line} />
    </li>
  );
}
