// SPDX-License-Identifier: Apache-2.0

import type { ReactElement } from 'react';
import { useAnomalies, useLive, useNow } from '../api/context';
import type { Anomaly, Status } from '../gen/aeolus/query/v1/query_pb';
import { plural, span } from '../lib/format';
import { healthName } from '../lib/health';
import { go, usePlace } from '../lib/navigation';
import { quietSentence } from '../lib/sentence';
import { useStore } from '../lib/store';
import { ago, clock, full, millis } from '../lib/time';
import { HealthIcon, Icon } from './icons';
import { Link } from './link';
import { Bones } from './notice';
import { SeenMark } from './seen';

const MOST_OPEN = 60;
const MOST_ENDED = 8;

/** What is wrong now, worst first; or that nothing is. */
export function Wrong(): ReactElement {
  const live = useLive();
  const anomalies = useAnomalies();
  const status = useStore(live.status);
  const graph = useStore(live.graph);
  const waiting = useStore(live.condition).state === 'connecting' || graph !== undefined;
  const { at } = usePlace();
  const known = (anomalies ?? []).filter((anomaly) => at === undefined || (millis(anomaly.opened) ?? 0) <= at);
  const lasts = (anomaly: Anomaly): boolean => anomaly.closed === undefined || (at !== undefined && (millis(anomaly.closed) ?? 0) > at);
  const open = known.filter(lasts);
  const ended = known.filter((anomaly) => !lasts(anomaly));
  const seen: Status | undefined = status === undefined || at === undefined || graph === undefined ? status : { ...status, learning: false, workloads: graph.nodes.length, edges: graph.edges.length, openAnomalies: open.length };
  return (
    <aside className="wrong" aria-label="What is wrong now">
      <div className="wrong-scroll">
        {anomalies === undefined || status === undefined ? (
          waiting && <Bones rows={5} />
        ) : (
          <>
            {open.length === 0 && <AllQuiet status={{ ...(seen ?? status), openAnomalies: 0 }} at={at} />}
            {open.length > 0 && (
              <section aria-live="polite">
                <h2>
                  {at === undefined ? 'Wrong now' : `Wrong at ${clock(at)}`} <span>{at === undefined ? Math.max(open.length, status.openAnomalies) : open.length}</span>
                </h2>
                <Cases list={open.slice(0, MOST_OPEN)} over={false} />
              </section>
            )}
            {ended.length > 0 && (
              <section>
                <h2>
                  Ended lately
                  {ended.length > MOST_ENDED && (
                    <Link className="link" to={{ view: 'anomalies' }}>
                      all
                    </Link>
                  )}
                </h2>
                <Cases list={ended.slice(0, MOST_ENDED)} over />
              </section>
            )}
          </>
        )}
      </div>
      {status !== undefined && <Foot status={status} />}
    </aside>
  );
}

function AllQuiet({ status, at }: { status: Status; at: number | undefined }): ReactElement {
  if (status.learning) {
    return (
      <section className="all-quiet" data-testid="learning" aria-live="polite">
        <HealthIcon health="quiet" label={false} />
        <strong>Learning what is usual</strong>
        <p>
          {quietSentence(status)}. Refused, reset and unanswered connects are reported already; slow drifts once their usual range is known.
        </p>
      </section>
    );
  }
  if (status.workloads === 0) {
    return (
      <section className="all-quiet" data-testid="nothing" aria-live="polite">
        <HealthIcon health="quiet" label={false} />
        <strong>Nothing seen yet</strong>
        <p>No connection has been opened since the watch began.</p>
      </section>
    );
  }
  return (
    <section className="all-quiet" data-testid="all-quiet" aria-live="polite">
      <Icon name="check" size={20} />
      <strong>{at === undefined ? 'All quiet' : `All quiet at ${clock(at)}`}</strong>
      <p>{quietSentence(status)}</p>
    </section>
  );
}

function Cases({ list, over }: { list: readonly Anomaly[]; over: boolean }): ReactElement {
  return (
    <ul>
      {list.map((anomaly) => (
        <li key={anomaly.id}>
          <Case anomaly={anomaly} over={over} />
        </li>
      ))}
    </ul>
  );
}

function Case({ anomaly, over }: { anomaly: Anomaly; over: boolean }): ReactElement {
  const now = useNow();
  const { open } = usePlace();
  const opened = millis(anomaly.opened);
  const closed = millis(anomaly.closed);
  const current = open?.id === anomaly.id || (closed === undefined && open?.kind === 'edge' && open.id === anomaly.edgeId);
  return (
    <button className={over ? 'case over' : 'case'} data-anomaly={anomaly.id} aria-current={current} onClick={() => go({ open: { kind: 'anomaly', id: anomaly.id } })}>
      <HealthIcon health={over ? 'quiet' : healthName(anomaly.severity)} />
      <span className="sentence">{anomaly.summary}</span>
      <span className="secondary" title={full(opened)}>
        {closed === undefined ? `for ${span((now - (opened ?? now)) / 1000)} · ${anomaly.kind.replaceAll('-', ' ')}` : `ended ${ago(closed, now)} · lasted ${span((closed - (opened ?? closed)) / 1000)}`}
      </span>
      {closed === undefined && <SeenMark anomaly={anomaly} />}
    </button>
  );
}

function Foot({ status }: { status: Status }): ReactElement {
  const gone = status.agents.filter((agent) => !agent.connected);
  return (
    <footer title={status.agents.map((agent) => `${agent.node}: ${agent.connected ? 'connected' : 'not connected'}${agent.kernel === '' ? '' : `, kernel ${agent.kernel}`}`).join('\n')}>
      {status.agents.length === 0 && status.workloads === 0 ? 'No agent reports yet' : gone.length > 0 ? `${gone.length} of ${plural(status.agents.length, 'agent')} not connected: ${gone.map((agent) => agent.node).slice(0, 3).join(', ')}` : [status.agents.length > 0 ? plural(status.agents.length, 'agent') : '', plural(status.openConnections, 'open connection')].filter((part) => part !== '').join(', ')}
    </footer>
  );
}
