// SPDX-License-Identifier: Apache-2.0

import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { type ReactElement, useRef } from 'react';
import { useAnomalies, useLive, useNow, usePolled } from '../api/context';
import { type Anomaly, type Edge, FilterSchema, type Series } from '../gen/aeolus/query/v1/query_pb';
import { bytesPerSecond, count, duration, plural, rate, ratio, span, UNKNOWN } from '../lib/format';
import { healthName } from '../lib/health';
import { usePlace } from '../lib/navigation';
import { DEFAULT_ZOOM, stretchOf } from '../lib/place';
import { edgeSentence, failuresPerSecond, failureWords, unknownReason } from '../lib/sentence';
import { useStore } from '../lib/store';
import { clock, clockMillis, full, millis, seconds } from '../lib/time';
import { Chart } from '../parts/chart';
import { HealthMark, Icon } from '../parts/icons';
import { Link } from '../parts/link';
import { Bones } from '../parts/notice';
import { Value } from '../parts/value';
import { isWrong, Missing, Shell } from './drawer';
import { mergeSeries, panels } from './series';

const HISTORY = 600;
const SERIES_EVERY = 2000;
const OVERLAP = 12;
/** How many points a chart has where it could have more. */
const POINTS = 300;
const MOST_CONNECTIONS = 12;
const MOST_EVENTS = 12;

/** Everything about one edge: a sentence, figures, series, events, connections. */
export default function EdgeDetail({ id }: { id: string }): ReactElement {
  const live = useLive();
  const place = usePlace();
  const graph = useStore(live.graph);
  const anomalies = useAnomalies()?.filter((anomaly) => anomaly.edgeId === id) ?? [];
  const window = seconds(graph?.window) ?? place.window;
  const shown = graph?.edges.find((edge) => edge.id === id);
  // An edge that a filter of the map hides is asked for by itself.
  const alone = usePolled(
    shown === undefined ? `edge ${id} ${place.at ?? ''} ${place.window}` : '',
    async (signal) => {
      if (shown !== undefined) return undefined;
      const answer = await live.client.getGraph({ filter: create(FilterSchema, { edgeId: id, own: true }), window: { seconds: BigInt(Math.round(place.window)), nanos: 0 }, ...(place.at === undefined ? {} : { at: timestampFromMs(place.at) }) }, { signal });
      return answer.edges.find((edge) => edge.id === id) ?? null;
    },
    SERIES_EVERY,
  );
  const edge = shown ?? alone.value;
  if (edge === undefined) {
    return (
      <Shell title={<span className="bone" style={{ width: 220, height: 24 }} />}>
        <Bones rows={8} />
      </Shell>
    );
  }
  if (edge === null) return <Missing what="This edge" />;
  const health = healthName(edge.health);
  return (
    <Shell
      title={
        <>
          <Link to={{ open: { kind: 'node', id: edge.client } }}>{edge.clientName}</Link> <span className="arrow">→</span> <Link to={{ open: { kind: 'node', id: edge.server } }}>{edge.serverName}</Link>
        </>
      }
      facts={
        <>
          <HealthMark health={health} />
          {edge.ports.length > 0 && <span>port {edge.ports.join(', ')}</span>}
          <span>{edge.reporter === 'both' ? 'seen from both sides' : `seen from the ${edge.reporter} alone`}</span>
          <span title={full(millis(edge.firstSeen))}>since {clock(millis(edge.firstSeen))}</span>
        </>
      }
    >
      <p className={isWrong(edge.health) ? `lead ${health}` : 'lead'}>{edgeSentence(edge, window)}</p>
      <FigureGrid edge={edge} window={window} />
      <SeriesCharts id={id} anomalies={anomalies} at={place.at} length={Math.max(HISTORY, place.window, place.zoom > DEFAULT_ZOOM ? place.zoom : 0)} />
      <EdgeEvents id={id} />
      <EdgeConnections id={id} />
    </Shell>
  );
}

function FigureGrid({ edge, window }: { edge: Edge; window: number }): ReactElement {
  const figures = edge.figures;
  const failed = failuresPerSecond(figures);
  const kinds = Object.entries(figures?.failuresPerSecond ?? {}).filter(([, value]) => value > 0);
  const bad = (figures?.failureRatio ?? 0) > 0 ? 'bad' : '';
  const cells: ReadonlyArray<readonly [string, string, string, string]> = [
    ['Opened', rate(figures?.opensPerSecond), 'opensPerSecond', ''],
    ['Failed', failed === undefined ? UNKNOWN : rate(failed), 'failureRatio', bad],
    ['Share failed', ratio(figures?.failureRatio), 'failureRatio', bad],
    ['Open now', count(figures?.openConnections), 'openConnections', ''],
    ['Sent', bytesPerSecond(figures?.sentBytesPerSecond), 'sentBytesPerSecond', ''],
    ['Received', bytesPerSecond(figures?.receivedBytesPerSecond), 'receivedBytesPerSecond', ''],
    ['Round trip', duration(figures?.smoothedRttSeconds), 'smoothedRttSeconds', ''],
    ['Handshake', duration(figures?.handshakeSeconds), 'handshakeSeconds', ''],
    ['Retransmitted', ratio(figures?.retransmitRatio), 'retransmitRatio', (figures?.retransmitRatio ?? 0) > 0.01 ? 'warn' : ''],
  ];
  return (
    <>
      <dl className="figures">
        {cells.map(([name, text, field, tone]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd className={tone}>
              <Value text={text} why={unknownReason(field, edge)} />
            </dd>
          </div>
        ))}
      </dl>
      <p className="secondary window-note">
        Over the last {span(window)}
        {kinds.length > 0 && `; failed: ${kinds.map(([kind, value]) => `${failureWords(kind)} ${rate(value)}`).join(', ')}`}.
      </p>
    </>
  );
}

function SeriesCharts({ id, anomalies, at, length }: { id: string; anomalies: readonly Anomaly[]; at: number | undefined; length: number }): ReactElement {
  const live = useLive();
  const known = useRef<{ key: string; series: Series | undefined }>({ key: '', series: undefined });
  const key = `${id} ${at ?? ''} ${length}`;
  const { value, problem } = usePolled(
    key,
    async (signal) => {
      if (known.current.key !== key) known.current = { key, series: undefined };
      const to = at ?? Date.now() + live.skew.get();
      // What is no longer in memory comes in coarser steps, and whole.
      const last = length > HISTORY ? undefined : known.current.series?.times.at(-1);
      const from = last === undefined ? to - length * 1000 : Math.max(to - length * 1000, (last - OVERLAP) * 1000);
      const step = Math.max(2, Math.ceil(length / POINTS));
      const newer = await live.client.getSeries({ edgeId: id, from: timestampFromMs(Math.floor(from)), to: timestampFromMs(Math.ceil(to)), step: { seconds: BigInt(step), nanos: 0 } }, { signal });
      known.current.series = length > HISTORY ? newer : mergeSeries(known.current.series, newer, to / 1000 - length);
      return known.current.series;
    },
    at !== undefined ? 60_000 : length > HISTORY ? 15_000 : SERIES_EVERY,
  );
  const marks = anomalies.map((anomaly) => [(millis(anomaly.opened) ?? 0) / 1000, anomaly.closed === undefined ? undefined : (millis(anomaly.closed) ?? 0) / 1000] as const);
  const times = value?.times ?? [];
  const found = value === undefined ? [] : panels(value);
  return (
    <section>
      <h2>
        Over time
        {times.length > 1 && (
          <small>
            {at === undefined ? 'last' : 'the'} {span((times.at(-1) ?? 0) - (times[0] ?? 0))}
            {at !== undefined && ' before'}
            {marks.length > 0 && ', anomalies shaded'}
          </small>
        )}
      </h2>
      {value === undefined && problem === '' && [0, 1, 2].map((index) => <span key={index} className="bone" style={{ height: 112, margin: '12px 0' }} />)}
      {value === undefined && problem !== '' && <p className="quiet-line">The series did not arrive: {problem}. It is asked for again every two seconds.</p>}
      {value !== undefined && found.length === 0 && <p className="quiet-line">No figures yet: the first come within a few seconds of the first connection.</p>}
      {found.map((panel) => (
        <Chart key={panel.title} title={panel.title} unit={panel.unit} times={times} traces={panel.traces} group={id} marks={marks} />
      ))}
    </section>
  );
}

function EdgeEvents({ id }: { id: string }): ReactElement {
  const live = useLive();
  const place = usePlace();
  const watched = useStore(live.events)?.filter((event) => event.edgeId === id) ?? [];
  const stretch = place.at === undefined ? undefined : stretchOf(place, place.at);
  const past = usePolled(
    stretch === undefined ? '' : `events ${id} ${stretch.from} ${stretch.to}`,
    async (signal) => (stretch === undefined ? undefined : (await live.client.listEvents({ filter: create(FilterSchema, { edgeId: id, own: true }), limit: 200, since: timestampFromMs(stretch.from), to: timestampFromMs(stretch.to) }, { signal })).events),
    60_000,
  );
  const events = stretch === undefined ? watched : (past.value ?? []);
  const latest = events.slice(-MOST_EVENTS).reverse();
  return (
    <section>
      <h2>
        Events
        {events.length > latest.length && (
          <small>
            <Link className="link" to={{ view: 'events', edge: id }}>
              all {count(events.length)}
            </Link>
          </small>
        )}
      </h2>
      {latest.length === 0 && <p className="quiet-line">None: no connect failed and no connection was reset lately.</p>}
      <ul className="rows">
        {latest.map((event) => (
          <li key={event.id}>
            <time title={full(millis(event.time))}>{clockMillis(millis(event.time))}</time>
            <span className="stretch">{event.text}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}

function EdgeConnections({ id }: { id: string }): ReactElement {
  const live = useLive();
  const now = useNow();
  const place = usePlace();
  const stretch = place.at === undefined ? undefined : stretchOf(place, place.at);
  const { value } = usePolled(
    `connections ${id} ${stretch?.from ?? ''} ${stretch?.to ?? ''}`,
    (signal) => live.client.listConnections({ filter: create(FilterSchema, { edgeId: id, own: true }), limit: MOST_CONNECTIONS, ...(stretch === undefined ? {} : { from: timestampFromMs(stretch.from), to: timestampFromMs(stretch.to) }) }, { signal }),
    stretch === undefined ? SERIES_EVERY : 60_000,
  );
  return (
    <section>
      <h2>
        {stretch === undefined ? 'Open connections' : 'Connections then'}
        <small>
          <Link className="link" to={{ view: 'connections', edge: id, ended: false }}>
            list
          </Link>
        </small>
      </h2>
      {value === undefined && <Bones rows={3} />}
      {value?.connections.length === 0 && <p className="quiet-line">{stretch === undefined ? 'None is open now. The list also shows those that have ended.' : 'None did anything within that time.'}</p>}
      <ul className="rows">
        {value?.connections.map((connection) => (
          <li key={connection.id}>
            <span className="mono">{connection.clientAddress}</span>
            <span className="stretch secondary">
              {connection.clientProcess}
              {connection.clientPid > 0 && ` (pid ${connection.clientPid})`}
            </span>
            <span className="number secondary" title={connection.adopted ? 'Older than the agent' : full(millis(connection.opened))}>
              {connection.adopted ? 'adopted' : `for ${span(((millis(connection.closed) ?? stretch?.to ?? now) - (millis(connection.opened) ?? now)) / 1000)}`} · {duration(connection.smoothedRttSeconds)}
            </span>
          </li>
        ))}
      </ul>
      {value?.truncated === true && (
        <p className="secondary">
          {plural(value.connections.length, 'connection')} of more. <Icon name="table" size={12} />{' '}
          <Link className="link" to={{ view: 'connections', edge: id }}>
            See all
          </Link>
        </p>
      )}
    </section>
  );
}
