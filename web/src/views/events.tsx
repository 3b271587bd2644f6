// SPDX-License-Identifier: Apache-2.0

import { create } from '@bufbuild/protobuf';
import { type ReactElement, useMemo } from 'react';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { useLive, useNow, usePolled } from '../api/context';
import { type Event, FilterSchema } from '../gen/aeolus/query/v1/query_pb';
import { duration, plural } from '../lib/format';
import { go, usePlace } from '../lib/navigation';
import { stretchOf } from '../lib/place';
import { useStore } from '../lib/store';
import { clockMillis, full, millis, moment, seconds } from '../lib/time';
import { Link } from '../parts/link';
import { Notice } from '../parts/notice';
import { GapNote } from '../parts/timebar';
import { Page, TextFilter } from './page';
import { TableBones } from './table';

const MOST_ROWS = 300;
const EVERY = 2000;
const KINDS: ReadonlyArray<readonly [string, string]> = [
  ['connect.refused', 'refused'],
  ['connect.timed-out', 'timed out'],
  ['connect.given-up', 'given up'],
  ['connect.unreachable', 'unreachable'],
  ['connect.no-route', 'no route'],
  ['connect.never-sent', 'never sent'],
  ['connect.retrying', 'retrying'],
  ['connection.reset', 'reset'],
  ['edge.new', 'new edge'],
  ['log', 'log'],
];

export function kindOf(event: Event): string {
  return KINDS.find(([kind]) => kind === event.kind)?.[1] ?? event.kind;
}

function holds(event: Event, text: string): boolean {
  return [event.text, event.clientName, event.serverName, event.clientAddress, event.serverAddress, event.process, event.kind].some((field) => field.toLowerCase().includes(text));
}

/** What happened, newest first, as it happens. */
export function EventsView(): ReactElement {
  const live = useLive();
  const place = usePlace();
  const watched = useStore(live.events);
  const now = useNow();
  const stretch = stretchOf(place, Math.ceil(now / 5000) * 5000);
  // The stream holds the newest of all edges; those of one edge, and those of the past, are asked for.
  const wanted = place.edge !== '' || stretch !== undefined;
  const asked = usePolled(
    wanted ? JSON.stringify([place.edge, place.own, stretch, stretch === undefined ? '' : place.kinds, stretch === undefined ? '' : place.text]) : '',
    async (signal) => {
      if (!wanted) return undefined;
      const filter = create(FilterSchema, { edgeId: place.edge, own: place.edge !== '' || place.own, text: stretch === undefined ? '' : place.text });
      return live.client.listEvents({ filter, limit: MOST_ROWS, ...(stretch === undefined ? {} : { kinds: place.kinds, since: timestampFromMs(stretch.from), to: timestampFromMs(stretch.to) }) }, { signal });
    },
    place.at === undefined ? EVERY : 60_000,
  );
  const all = wanted ? asked.value?.events : watched;
  const rows = useMemo(() => {
    const text = place.text.trim().toLowerCase();
    return (all ?? []).filter((event) => (place.kinds.length === 0 || place.kinds.includes(event.kind)) && (text === '' || holds(event, text))).toReversed();
  }, [all, place.text, place.kinds]);
  const filtered = place.text !== '' || place.kinds.length > 0 || place.edge !== '';
  const controls = (
    <>
      {place.edge !== '' && (
        <button className="control" aria-pressed="true" onClick={() => go({ edge: '' })}>
          One edge ✕
        </button>
      )}
      <select className="control" aria-label="Kind" value={place.kinds[0] ?? ''} onChange={(event) => go({ kinds: event.target.value === '' ? [] : [event.target.value] })}>
        <option value="">All kinds</option>
        {KINDS.map(([kind, words]) => (
          <option key={kind} value={kind}>
            {words}
          </option>
        ))}
      </select>
      <TextFilter label="Filter events" />
    </>
  );
  return (
    <Page title="Events" detail={all === undefined ? undefined : `${plural(rows.length, 'event')}${stretch === undefined ? '' : ` from ${moment(stretch.from, now)} to ${moment(stretch.to, now)}`}`} controls={controls}>
      <GapNote gaps={(wanted && asked.value?.gaps) || []} />
      {all === undefined && asked.problem === '' && <TableBones />}
      {all === undefined && asked.problem !== '' && (
        <Notice title="The list did not arrive" role="alert">
          <p>{asked.problem}. It is asked for again in a moment.</p>
        </Notice>
      )}
      {all !== undefined && rows.length === 0 && (
        <Notice title={filtered ? 'No event matches' : 'Nothing has happened'}>
          <p>{filtered ? 'Among the events of the last minutes none is like this.' : 'Failed connects, resets and edges never seen before appear here the moment the kernel reports them.'}</p>
          {filtered && (
            <Link className="link" to={{ text: '', kinds: [], edge: '' }}>
              Show all events
            </Link>
          )}
        </Notice>
      )}
      {rows.length > 0 && (
        <table>
          <caption className="hidden-visually">Events, newest first</caption>
          <thead>
            <tr>
              <th scope="col">Time</th>
              <th scope="col">Kind</th>
              <th scope="col">What happened</th>
              <th scope="col" className="wide">
                From
              </th>
              <th scope="col" className="wide">
                To
              </th>
              <th scope="col" className="number widest" title="From the kernel until the controller acted on it">
                Latency
              </th>
            </tr>
          </thead>
          <tbody>
            {rows.slice(0, MOST_ROWS).map((event) => (
              <tr key={event.id} onClick={event.edgeId === '' ? undefined : () => go({ open: { kind: 'edge', id: event.edgeId } })}>
                <td title={full(millis(event.time))}>{clockMillis(millis(event.time))}</td>
                <td>{kindOf(event)}</td>
                <td className="name">
                  {event.edgeId === '' ? event.text : <Link to={{ open: { kind: 'edge', id: event.edgeId } }}>{event.text}</Link>}
                  {event.process !== '' && (
                    <span className="secondary">
                      {event.process}
                      {event.pid > 0 && ` (pid ${event.pid})`}
                      {event.node !== '' && ` on ${event.node}`}
                    </span>
                  )}
                </td>
                <td className="mono wide">{event.clientAddress}</td>
                <td className="mono wide">{event.serverAddress}</td>
                <td className="number widest">{duration(seconds(event.latency))}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {rows.length > MOST_ROWS && <p className="more">The newest {MOST_ROWS}. Filter to see the others.</p>}
    </Page>
  );
}
