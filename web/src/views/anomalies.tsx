// SPDX-License-Identifier: Apache-2.0

import type { ReactElement } from 'react';
import { useLive, useNow, usePolled } from '../api/context';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { Anomaly } from '../gen/aeolus/query/v1/query_pb';
import { plural, span } from '../lib/format';
import { healthName } from '../lib/health';
import { go, usePlace } from '../lib/navigation';
import { type Place, stretchOf } from '../lib/place';
import { useStore } from '../lib/store';
import { clock, full, millis } from '../lib/time';
import { HealthMark } from '../parts/icons';
import { Link } from '../parts/link';
import { Notice } from '../parts/notice';
import { SeenMark } from '../parts/seen';
import { Page, TextFilter } from './page';
import { TableBones } from './table';

const MOST = 300;

/** The anomalies that are remembered, or those of the stretch that is looked at. */
function usePeriod(place: Place, now: number): readonly Anomaly[] | undefined {
  const live = useLive();
  const watched = useStore(live.anomalies);
  const stretch = stretchOf(place, Math.ceil(now / 10_000) * 10_000);
  const key = stretch === undefined ? '' : `anomalies ${stretch.from} ${stretch.to}`;
  const { value } = usePolled(
    key,
    async (signal) => (stretch === undefined ? undefined : (await live.client.listAnomalies({ ended: true, limit: MOST, from: timestampFromMs(stretch.from), to: timestampFromMs(stretch.to) }, { signal })).anomalies),
    60_000,
  );
  return stretch === undefined ? watched : value;
}

/** Every anomaly that is still remembered: what lasts first, worst first. */
export function AnomaliesView(): ReactElement {
  const place = usePlace();
  const now = useNow();
  const anomalies = usePeriod(place, now);
  const text = place.text.trim().toLowerCase();
  const rows = (anomalies ?? []).filter((anomaly) => text === '' || `${anomaly.summary} ${anomaly.clientName} ${anomaly.serverName} ${anomaly.kind}`.toLowerCase().includes(text));
  const open = rows.filter((anomaly) => anomaly.closed === undefined).length;
  return (
    <Page title="Anomalies" detail={anomalies === undefined ? undefined : `${open} now, ${plural(rows.length - open, 'ended', 'ended')}`} controls={<TextFilter label="Filter anomalies" />}>
      {anomalies === undefined && <TableBones />}
      {anomalies !== undefined && rows.length === 0 && (
        <Notice title={text === '' ? 'No anomalies' : 'No anomaly matches'}>
          <p>Every edge is watched for failed connects, resets, retransmits, slow round trips, changed rates and silence. None was found in the last minutes.</p>
        </Notice>
      )}
      {rows.length > 0 && (
        <table>
          <caption className="hidden-visually">Anomalies, those that last first, worst first</caption>
          <thead>
            <tr>
              <th scope="col">State</th>
              <th scope="col">What is wrong</th>
              <th scope="col" className="wide">
                Kind
              </th>
              <th scope="col">Since</th>
              <th scope="col" className="number">
                Lasted
              </th>
              <th scope="col" className="number widest">
                Events
              </th>
            </tr>
          </thead>
          <tbody>
            {rows.map((anomaly) => {
              const opened = millis(anomaly.opened);
              const closed = millis(anomaly.closed);
              return (
                <tr key={anomaly.id} className={place.open?.id === anomaly.id ? 'chosen' : ''} onClick={() => go({ open: { kind: 'anomaly', id: anomaly.id } })}>
                  <td>{closed === undefined ? <HealthMark health={healthName(anomaly.severity)} /> : 'Ended'}</td>
                  <td className="name">
                    <Link className="row" to={{ open: { kind: 'anomaly', id: anomaly.id } }}>
                      {anomaly.summary}
                    </Link>
                    <span className="secondary">
                      {anomaly.edgeId === '' ? anomaly.subject : `${anomaly.clientName} → ${anomaly.serverName}`}
                    </span>
                    <SeenMark anomaly={anomaly} />
                  </td>
                  <td className="wide">{anomaly.kind.replaceAll('-', ' ')}</td>
                  <td title={full(opened)}>{clock(opened)}</td>
                  <td className="number">{span(((closed ?? now) - (opened ?? now)) / 1000)}</td>
                  <td className="number widest">{anomaly.events > 0n ? String(anomaly.events) : <span className="unknown" title="Judged by figures, not by single events">–</span>}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      )}
    </Page>
  );
}
