// SPDX-License-Identifier: Apache-2.0

import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { ReactElement } from 'react';
import { useLive, useNow, usePolled } from '../api/context';
import { type Connection, FilterSchema } from '../gen/aeolus/query/v1/query_pb';
import { bytes, count, duration, plural, span } from '../lib/format';
import { go, usePlace } from '../lib/navigation';
import { stretchOf } from '../lib/place';
import { failureWords } from '../lib/sentence';
import { full, millis, moment } from '../lib/time';
import { Link } from '../parts/link';
import { Notice } from '../parts/notice';
import { GapNote } from '../parts/timebar';
import { Value } from '../parts/value';
import { type Column, Headings, Page, sortRows, TextFilter } from './page';
import { TableBones } from './table';

const LIMIT = 300;
const EVERY = 1500;
const NO_SAMPLE = 'Not known: no round-trip sample was taken on this connection.';

const COLUMNS: ReadonlyArray<Column<Connection>> = [
  { key: 'state', name: 'State', value: (connection) => connection.state },
  { key: 'client', name: 'From', value: (connection) => connection.clientName },
  { key: 'server', name: 'To', value: (connection) => connection.serverName },
  { key: 'age', name: 'Lasted', number: true, value: (connection) => -(millis(connection.opened) ?? 0) },
  { key: 'sent', name: 'Sent', number: true, className: 'wide', value: (connection) => Number(connection.sentBytes) },
  { key: 'received', name: 'Received', number: true, className: 'wide', value: (connection) => Number(connection.receivedBytes) },
  { key: 'rtt', name: 'Round trip', number: true, className: 'wide', value: (connection) => connection.smoothedRttSeconds },
  { key: 'retransmits', name: 'Retransmits', number: true, className: 'widest', value: (connection) => Number(connection.retransmits) },
];

/** Single connections: those that are open and, if asked for, those that ended. */
export function ConnectionsView(): ReactElement {
  const live = useLive();
  const place = usePlace();
  const now = useNow();
  const stretch = stretchOf(place, Math.ceil(now / 5000) * 5000);
  const key = JSON.stringify([stretch, place.edge, place.text, place.namespace, place.own, place.ended, place.failed]);
  const { value, problem } = usePolled(
    key,
    (signal) => live.client.listConnections({ filter: create(FilterSchema, { edgeId: place.edge, text: place.text, namespace: place.namespace, own: place.own || place.edge !== '' }), closed: place.ended || place.failed, failed: place.failed, limit: LIMIT, ...(stretch === undefined ? {} : { from: timestampFromMs(stretch.from), to: timestampFromMs(stretch.to) }) }, { signal }),
    place.at === undefined ? EVERY : 60_000,
  );
  const rows = sortRows(value?.connections ?? [], COLUMNS, place.sort);
  const controls = (
    <>
      {place.edge !== '' && (
        <button className="control" aria-pressed="true" onClick={() => go({ edge: '' })}>
          One edge ✕
        </button>
      )}
      {stretch === undefined && (
        <button className="control" aria-pressed={place.ended} onClick={() => go({ ended: !place.ended })}>
          Also ended
        </button>
      )}
      <button className="control" aria-pressed={place.failed} onClick={() => go({ failed: !place.failed })}>
        Only failed
      </button>
      <TextFilter label="Filter connections" />
    </>
  );
  return (
    <Page title="Connections" detail={value === undefined ? undefined : `${plural(rows.length, 'connection')}${value.truncated ? ', and more' : ''}${stretch === undefined ? '' : ` that did something from ${moment(stretch.from, now)} to ${moment(stretch.to, now)}`}`} controls={controls}>
      <GapNote gaps={value?.gaps ?? []} />
      {value === undefined && problem === '' && <TableBones />}
      {value === undefined && problem !== '' && (
        <Notice title="The list did not arrive" role="alert">
          <p>{problem}. It is asked for again in a moment.</p>
        </Notice>
      )}
      {value !== undefined && rows.length === 0 && (
        <Notice title="No connection matches">
          <p>{stretch !== undefined ? 'None did anything within that time.' : place.failed ? 'None failed in the last minutes.' : place.ended ? 'None in the last minutes.' : 'None is open now. Short ones may have come and gone.'}</p>
          {stretch === undefined && !place.ended && !place.failed && (
            <Link className="link" to={{ ended: true }}>
              Show those that ended too
            </Link>
          )}
        </Notice>
      )}
      {rows.length > 0 && (
        <table>
          <caption className="hidden-visually">Connections</caption>
          <Headings columns={COLUMNS} />
          <tbody>
            {rows.map((connection) => (
              <Row key={connection.id} connection={connection} />
            ))}
          </tbody>
        </table>
      )}
      {value?.truncated === true && <p className="more">The first {count(LIMIT)}. Filter to see the others.</p>}
    </Page>
  );
}

function Row({ connection }: { connection: Connection }): ReactElement {
  const now = useNow();
  const opened = millis(connection.opened);
  const closed = millis(connection.closed);
  return (
    <tr onClick={() => go({ open: { kind: 'edge', id: connection.edgeId } })}>
      <td className={connection.state === 'failed' ? 'is-failing' : ''}>
        {connection.state}
        {connection.failure !== '' && <span className="secondary">{failureWords(connection.failure)}</span>}
      </td>
      <td className="name">
        <Link className="row" to={{ open: { kind: 'edge', id: connection.edgeId } }}>
          {connection.clientName}
        </Link>
        <span className="secondary mono">{connection.clientAddress}</span>
      </td>
      <td className="name">
        {connection.serverName}
        <span className="secondary mono">
          {connection.serverAddress}
          {connection.translatedAddress !== '' && connection.translatedAddress !== connection.serverAddress && ` → ${connection.translatedAddress}`}
        </span>
      </td>
      <td className="number" title={full(opened)}>
        {opened === undefined ? <Value text="–" why="Not known: the connection is older than the agent." /> : span(((closed ?? now) - opened) / 1000)}
        {connection.adopted && (
          <span className="secondary" title="Older than the agent: counted since it was adopted">
            adopted
          </span>
        )}
      </td>
      <td className="number wide">{bytes(connection.sentBytes)}</td>
      <td className="number wide">{bytes(connection.receivedBytes)}</td>
      <td className="number wide">
        <Value text={duration(connection.smoothedRttSeconds)} why={NO_SAMPLE} />
      </td>
      <td className="number widest">{count(connection.retransmits)}</td>
    </tr>
  );
}
