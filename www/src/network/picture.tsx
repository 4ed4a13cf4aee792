import { useSignal } from '@preact/signals';
import type { Connection } from 'muttr';
import type { JSX } from 'preact';
import { say } from '../i18n/words';
import { moveByArrows } from '../parts/arrows';
import { hidden } from '../state/preferences';
import { linksOf, wayOf, wordsOf } from './way';

const width = 480;
const height = 340;
/** How many stand on the inner ring before an outer one begins. */
const innerMax = 10;

/** This seed in the middle, whom it is linked to around it; one of them told about below. */
export function Picture({ connections }: { connections: readonly Connection[] }): JSX.Element {
  const chosen = useSignal<string | undefined>(undefined);
  const around = linksOf(connections);
  const told = around.find((each) => each.peer === chosen.value) ?? around[0];
  return (
    <section class="card network-picture" aria-label={say('link-list')}>
      <svg
        viewBox={`0 0 ${width} ${height}`}
        role="group"
        aria-label={say('network-picture', { count: around.length })}
        onKeyDown={moveByArrows}
      >
        {around.map((each, at) => (
          <Line key={each.peer} connection={each} spot={spotOf(at, around.length)} />
        ))}
        <g class="me" transform={`translate(${width / 2} ${height / 2})`}>
          <circle r="22" />
          <text y="42">{say('this-seed')}</text>
        </g>
        {around.map((each, at) => (
          <Peer
            key={each.peer}
            connection={each}
            spot={spotOf(at, around.length)}
            first={at === 0}
            chosen={each.peer === told?.peer}
            onChoose={() => (chosen.value = each.peer)}
          />
        ))}
      </svg>
      <Legend />
      <div class="told" aria-live="polite">
        {told === undefined ? (
          <p class="small quiet">{hidden.value ? say('network-hidden') : say('network-alone')}</p>
        ) : (
          <Told connection={told} />
        )}
      </div>
    </section>
  );
}

interface Spot {
  x: number;
  y: number;
}

function spotOf(at: number, count: number): Spot {
  const inner = Math.min(count, innerMax);
  const outside = at >= innerMax;
  const onRing = outside ? count - innerMax : inner;
  const turn =
    ((outside ? at - innerMax : at) / onRing) * 2 * Math.PI - Math.PI / 2 + (outside ? Math.PI / onRing : 0);
  const [rx, ry] = outside ? [215, 148] : count > innerMax ? [135, 95] : [170, 118];
  return { x: width / 2 + rx * Math.cos(turn), y: height / 2 + ry * Math.sin(turn) };
}

function Line({ connection, spot }: { connection: Connection; spot: Spot }): JSX.Element {
  return (
    <line
      class="way"
      data-way={wayOf(connection)}
      x1={width / 2}
      y1={height / 2}
      x2={spot.x}
      y2={spot.y}
    />
  );
}

interface PeerOptions {
  connection: Connection;
  spot: Spot;
  first: boolean;
  chosen: boolean;
  onChoose: () => void;
}

function Peer({ connection, spot, first, chosen, onChoose }: PeerOptions): JSX.Element {
  return (
    <g
      class="peer"
      data-stop
      data-peer={connection.peer}
      data-pod={connection.pod || connection.elsewhere}
      data-direct={connection.direct}
      data-way={wayOf(connection)}
      data-chosen={chosen}
      role="img"
      tabIndex={first ? 0 : -1}
      aria-label={wordsOf(connection)}
      transform={`translate(${spot.x.toFixed(1)} ${spot.y.toFixed(1)})`}
      onFocus={onChoose}
      onMouseEnter={onChoose}
      onClick={onChoose}
    >
      <circle class="reach" r="22" />
      {connection.pod || connection.elsewhere ? <rect x="-13" y="-13" width="26" height="26" rx="6" /> : <circle r="12" />}
    </g>
  );
}

function Told({ connection }: { connection: Connection }): JSX.Element {
  return (
    <>
      <p>{wordsOf(connection)}</p>
      <p class="mono quiet">{connection.peer}</p>
    </>
  );
}

function Legend(): JSX.Element {
  return (
    <ul class="legend small quiet" aria-hidden="true">
      <li data-sign="pod">{say('legend-pod')}</li>
      <li data-sign="seed">{say('legend-seed')}</li>
      <li data-way="pod">{say('legend-way-pod')}</li>
      <li data-way="direct">{say('legend-direct')}</li>
      <li data-way="relayed">{say('legend-relayed')}</li>
    </ul>
  );
}
