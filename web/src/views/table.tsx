// SPDX-License-Identifier: Apache-2.0

import type { ReactElement } from 'react';
import { useGaps, useLive, useNow } from '../api/context';
import type { Edge } from '../gen/aeolus/query/v1/query_pb';
import { bytesPerSecond, count, duration, plural, rate, ratio, span } from '../lib/format';
import { healthName } from '../lib/health';
import { go, usePlace } from '../lib/navigation';
import { failuresPerSecond, unknownReason } from '../lib/sentence';
import { useStore } from '../lib/store';
import { moment, seconds } from '../lib/time';
import { WindowChoice } from '../map/tools';
import { HealthMark } from '../parts/icons';
import { Link } from '../parts/link';
import { Bones, Notice } from '../parts/notice';
import { GapNote } from '../parts/timebar';
import { Value } from '../parts/value';
import { type Column, Headings, Page, sortRows, TextFilter } from './page';

const MOST_ROWS = 400;

const COLUMNS: ReadonlyArray<Column<Edge>> = [
  { key: 'health', name: 'Health', value: (edge) => edge.health },
  { key: 'client', name: 'From', value: (edge) => edge.clientName },
  { key: 'server', name: 'To', value: (edge) => edge.serverName },
  { key: 'opens', name: 'Opened', number: true, value: (edge) => edge.figures?.opensPerSecond },
  { key: 'failed', name: 'Failed', number: true, value: (edge) => failuresPerSecond(edge.figures) },
  { key: 'share', name: 'Share', number: true, className: 'wide', title: 'Share of the attempts that failed', value: (edge) => edge.figures?.failureRatio },
  { key: 'open', name: 'Open', number: true, className: 'wide', title: 'Connections open now', value: (edge) => (edge.figures?.openConnections === undefined ? undefined : Number(edge.figures.openConnections)) },
  { key: 'sent', name: 'Sent', number: true, className: 'widest', value: (edge) => edge.figures?.sentBytesPerSecond },
  { key: 'received', name: 'Received', number: true, className: 'widest', value: (edge) => edge.figures?.receivedBytesPerSecond },
  { key: 'rtt', name: 'Round trip', number: true, className: 'wide', value: (edge) => edge.figures?.smoothedRttSeconds },
  { key: 'retransmits', name: 'Retransmitted', number: true, className: 'widest', title: 'Share of the segments', value: (edge) => edge.figures?.retransmitRatio },
];

/** Worst first; among equals those that fail most, then the busiest. */
export function worstFirst(edges: readonly Edge[]): readonly Edge[] {
  return [...edges].sort(
    (a, b) => b.health - a.health || (b.figures?.failureRatio ?? 0) - (a.figures?.failureRatio ?? 0) || (b.figures?.opensPerSecond ?? 0) - (a.figures?.opensPerSecond ?? 0) || (a.id < b.id ? -1 : 1),
  );
}

/** The map's twin: every edge in a row. */
export function TableView(): ReactElement {
  const live = useLive();
  const place = usePlace();
  const graph = useStore(live.graph);
  const gaps = useGaps();
  const now = useNow();
  const rows = graph === undefined ? [] : sortRows(worstFirst(graph.edges), COLUMNS, place.sort);
  const window = seconds(graph?.window) ?? place.window;
  const controls = (
    <>
      <TextFilter label="Filter edges" />
      <WindowChoice place={place} />
      <button className="control" aria-pressed={place.unhealthy} onClick={() => go({ unhealthy: !place.unhealthy })}>
        Only what is wrong
      </button>
    </>
  );
  return (
    <Page title="Edges" detail={graph === undefined ? undefined : `${plural(graph.edges.length, 'edge')}, rates over ${place.at === undefined ? `the last ${span(window)}` : `the ${span(window)} before ${moment(place.at, now)}`}`} controls={controls}>
      <GapNote gaps={gaps} />
      {graph === undefined && <TableBones />}
      {graph !== undefined && rows.length === 0 && (
        <Notice title={place.text !== '' || place.unhealthy ? 'No edge matches' : 'No edges yet'}>
          <p>{place.text !== '' || place.unhealthy ? 'Among the edges of the last minutes none is like this.' : 'An edge appears with the first connection between two workloads that an agent sees.'}</p>
          {(place.text !== '' || place.unhealthy) && (
            <Link className="link" to={{ text: '', unhealthy: false }}>
              Show all edges
            </Link>
          )}
        </Notice>
      )}
      {rows.length > 0 && (
        <table>
          <caption className="hidden-visually">Edges, worst first unless sorted otherwise; the same as the map shows</caption>
          <Headings columns={COLUMNS} />
          <tbody>
            {rows.slice(0, MOST_ROWS).map((edge) => (
              <Row key={edge.id} edge={edge} chosen={place.open?.id === edge.id} />
            ))}
          </tbody>
        </table>
      )}
      {rows.length > MOST_ROWS && (
        <p className="more">
          {MOST_ROWS} of {count(rows.length)} edges. Filter or sort to see the others.
        </p>
      )}
    </Page>
  );
}

export function TableBones(): ReactElement {
  return (
    <div style={{ padding: '8px 20px' }}>
      <Bones rows={10} height={20} />
    </div>
  );
}

function Row({ edge, chosen }: { edge: Edge; chosen: boolean }): ReactElement {
  const figures = edge.figures;
  const failed = failuresPerSecond(figures);
  const cell = (text: string, field: string, className = ''): ReactElement => (
    <td className={`number ${className}`}>
      <Value text={text} why={unknownReason(field, edge)} />
    </td>
  );
  return (
    <tr className={chosen ? 'chosen' : ''} onClick={() => go({ open: { kind: 'edge', id: edge.id } })} data-edge={edge.id}>
      <td>
        <HealthMark health={healthName(edge.health)} />
      </td>
      <td className="name">
        <Link className="row" to={{ open: { kind: 'edge', id: edge.id } }}>
          {edge.clientName}
        </Link>
      </td>
      <td className="name">
        {edge.serverName} {edge.ports.length > 0 && <span className="arrow wide">:{edge.ports.slice(0, 2).join(', ')}</span>}
      </td>
      {cell(rate(figures?.opensPerSecond), 'opensPerSecond')}
      {cell(rate(failed), 'failureRatio', (failed ?? 0) > 0 ? 'is-failing' : '')}
      {cell(ratio(figures?.failureRatio), 'failureRatio', `wide ${(figures?.failureRatio ?? 0) > 0 ? 'is-failing' : ''}`)}
      {cell(count(figures?.openConnections), 'openConnections', 'wide')}
      {cell(bytesPerSecond(figures?.sentBytesPerSecond), 'sentBytesPerSecond', 'widest')}
      {cell(bytesPerSecond(figures?.receivedBytesPerSecond), 'receivedBytesPerSecond', 'widest')}
      {cell(duration(figures?.smoothedRttSeconds), 'smoothedRttSeconds', 'wide')}
      {cell(ratio(figures?.retransmitRatio), 'retransmitRatio', 'widest')}
    </tr>
  );
}
