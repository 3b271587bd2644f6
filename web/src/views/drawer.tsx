// SPDX-License-Identifier: Apache-2.0

import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { lazy, type ReactElement, type ReactNode, Suspense, useEffect, useRef } from 'react';
import { useAnomalies, useLive, useNow, usePolled } from '../api/context';
import { type Anomaly, type Edge, type Evidence, FilterSchema, type Graph, Health, type Node } from '../gen/aeolus/query/v1/query_pb';
import { count, duration, plural, rate, span, withUnit } from '../lib/format';
import { healthName } from '../lib/health';
import { go, usePlace } from '../lib/navigation';
import { kindWords, nodeSentence } from '../lib/sentence';
import { useStore } from '../lib/store';
import { ago, clock, clockMillis, full, millis, seconds } from '../lib/time';
import { HealthIcon, HealthMark, Icon } from '../parts/icons';
import { Link } from '../parts/link';
import { Bones, Notice } from '../parts/notice';
import { Seen } from '../parts/seen';

const ALONE_EVERY = 2000;

const EdgeDetail = lazy(() => import('./edge'));

/** What is open beside the map: a node, an edge or an anomaly. */
export function Drawer(): ReactElement | null {
  const live = useLive();
  const { open } = usePlace();
  const graph = useStore(live.graph);
  const present = useStore(live.anomalies);
  const past = useAnomalies();
  if (open === undefined) return null;
  const waiting = (
    <Shell key={`${open.kind}:${open.id}`} title={<span className="bone" style={{ width: 180, height: 24 }} />}>
      <Bones rows={7} />
    </Shell>
  );
  if (open.kind === 'anomaly') {
    if (present === undefined) return waiting;
    const anomaly = [...present, ...(past ?? [])].find((candidate) => candidate.id === open.id);
    return anomaly === undefined ? <Missing what="This anomaly" /> : <AnomalyDetail key={open.id} anomaly={anomaly} />;
  }
  if (graph === undefined) return waiting;
  if (open.kind === 'node') {
    const node = graph.nodes.find((candidate) => candidate.id === open.id);
    return node === undefined ? <NodeAlone key={open.id} id={open.id} waiting={waiting} /> : <NodeDetail key={open.id} node={node} graph={graph} />;
  }
  return (
    <Suspense key={open.id} fallback={waiting}>
      <EdgeDetail id={open.id} />
    </Suspense>
  );
}

interface ShellProps {
  title: ReactNode;
  facts?: ReactNode;
  children: ReactNode;
}

/** The drawer's frame; focus goes into it and back to where it was. */
export function Shell({ title, facts, children }: ShellProps): ReactElement {
  const frame = useRef<HTMLElement>(null);
  useEffect(() => {
    const before = document.activeElement;
    frame.current?.focus({ preventScroll: true });
    return () => {
      if (before instanceof HTMLElement && before.isConnected) before.focus({ preventScroll: true });
    };
  }, []);
  return (
    <aside ref={frame} className="drawer" tabIndex={-1} aria-label="Detail">
      <header>
        <h1>{title}</h1>
        <button className="control icon bare" onClick={() => go({ open: undefined })} aria-label="Close" title="Close (Esc)">
          <Icon name="close" />
        </button>
        {facts !== undefined && <div className="facts">{facts}</div>}
      </header>
      <div className="drawer-scroll">{children}</div>
    </aside>
  );
}

export function Missing({ what }: { what: string }): ReactElement {
  return (
    <Shell title="Not here now">
      <Notice title={`${what} is not among what is shown`}>
        <p>It may have ended and been forgotten, or a filter hides it. The controller remembers the last minutes.</p>
        <Link className="link" to={{ text: '', namespace: '', unhealthy: false, focus: [], at: undefined }}>
          Show everything, now
        </Link>
      </Notice>
    </Shell>
  );
}

/** A node that the map does not show is asked for by itself. */
function NodeAlone({ id, waiting }: { id: string; waiting: ReactElement }): ReactElement {
  const live = useLive();
  const { window, at } = usePlace();
  const { value } = usePolled(
    `node ${id} ${window} ${at ?? ''}`,
    (signal) => live.client.getGraph({ filter: create(FilterSchema, { own: true }), focus: [id], hops: 1, window: { seconds: BigInt(Math.round(window)), nanos: 0 }, ...(at === undefined ? {} : { at: timestampFromMs(at) }) }, { signal }),
    ALONE_EVERY,
  );
  if (value === undefined) return waiting;
  const node = value.nodes.find((candidate) => candidate.id === id);
  return node === undefined ? <Missing what="This workload" /> : <NodeDetail node={node} graph={value} />;
}

function NodeDetail({ node, graph }: { node: Node; graph: Graph }): ReactElement {
  const now = useNow();
  const calls = graph.edges.filter((edge) => edge.client === node.id).sort(worse);
  const callers = graph.edges.filter((edge) => edge.server === node.id).sort(worse);
  const facts = (
    <>
      <HealthMark health={healthName(node.health)} />
      <span>{node.external ? 'outside' : kindWords(node)}</span>
      {node.namespace !== '' && <span>{node.namespace}</span>}
      {node.versions.length > 0 && <span>version {node.versions.join(', ')}</span>}
      {node.zones.length > 0 && <span>{node.zones.join(', ')}</span>}
    </>
  );
  return (
    <Shell title={node.name} facts={facts}>
      <p className="lead">{nodeSentence(node, graph)}</p>
      <Link className="control" to={{ view: 'map', focus: [node.id], hops: 1, inside: '' }}>
        Only this and its neighbours
      </Link>
      <EdgeList title="Called by" list={callers} name={(edge) => edge.clientName} />
      <EdgeList title="Calls" list={calls} name={(edge) => edge.serverName} />
      {node.instances.length > 0 && (
        <section>
          <h2>
            Instances <small>{count(node.instances.length)}</small>
          </h2>
          {node.instances.map((instance, index) => (
            <div className="instance" key={`${instance.name}/${instance.address}/${instance.pid}/${index}`}>
              <b>{instance.name === '' ? instance.process : instance.name}</b> {instance.address !== '' && <code>{instance.address}</code>}
              <div className="secondary">
                {instance.version !== '' && <span>version {instance.version}</span>}
                {instance.zone !== '' && <span>{instance.zone}</span>}
                {instance.node !== '' && <span>on {instance.node}</span>}
                {instance.process !== '' && (
                  <span>
                    {instance.process}
                    {instance.pid > 0 && ` (pid ${instance.pid})`}
                  </span>
                )}
                {instance.containerImage !== '' && <span>{instance.containerImage}</span>}
                {instance.lastSeen !== undefined && <span title={full(millis(instance.lastSeen))}>seen {ago(millis(instance.lastSeen), now)}</span>}
              </div>
              {instance.cgroupPath !== '' && <code className="secondary">{instance.cgroupPath}</code>}
            </div>
          ))}
        </section>
      )}
      {Object.keys(node.evidence).length > 0 && (
        <section>
          <h2>How it is known</h2>
          <dl className="pairs">
            {Object.entries(node.evidence)
              .sort(([a], [b]) => (a < b ? -1 : 1))
              .map(([attribute, source]) => (
                <Pair key={attribute} name={attribute}>
                  from {source}
                </Pair>
              ))}
          </dl>
        </section>
      )}
    </Shell>
  );
}

function worse(a: Edge, b: Edge): number {
  return b.health - a.health || (b.figures?.opensPerSecond ?? 0) - (a.figures?.opensPerSecond ?? 0) || (a.id < b.id ? -1 : 1);
}

export function Pair({ name, children }: { name: string; children: ReactNode }): ReactElement {
  return (
    <>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </>
  );
}

function EdgeList({ title, list, name }: { title: string; list: readonly Edge[]; name: (edge: Edge) => string }): ReactElement | null {
  if (list.length === 0) return null;
  return (
    <section>
      <h2>
        {title} <small>{count(list.length)}</small>
      </h2>
      <ul className="rows">
        {list.slice(0, 50).map((edge) => (
          <li key={edge.id}>
            <Link className="whole" to={{ open: { kind: 'edge', id: edge.id } }}>
              <HealthIcon health={healthName(edge.health)} />
              <span className="stretch">
                {name(edge)}
                {edge.summary !== '' && <span className="secondary"> {edge.summary}</span>}
              </span>
              <span className="number secondary">{rate(edge.figures?.opensPerSecond)}</span>
            </Link>
          </li>
        ))}
      </ul>
    </section>
  );
}

function AnomalyDetail({ anomaly }: { anomaly: Anomaly }): ReactElement {
  const now = useNow();
  const opened = millis(anomaly.opened);
  const closed = millis(anomaly.closed);
  const health = healthName(anomaly.severity);
  const detection = seconds(anomaly.detection);
  return (
    <Shell
      title={
        anomaly.edgeId === '' ? (
          (anomaly.labels.alertname ?? anomaly.kind)
        ) : (
          <>
            {anomaly.clientName} <span className="arrow">→</span> {anomaly.serverName}
          </>
        )
      }
      facts={
        <>
          {closed === undefined ? <HealthMark health={health} /> : <span>Ended</span>}
          <span>{anomaly.kind.replaceAll('-', ' ')}</span>
          {anomaly.unconfirmed && <span title="It was open when the controller was started anew, and was not seen since">{closed === undefined ? 'not confirmed since the restart' : 'not seen since the restart'}</span>}
        </>
      }
    >
      <p className={closed === undefined ? `lead ${health}` : 'lead'}>{anomaly.summary}</p>
      {anomaly.edgeId === '' ? (
        <p className="secondary">{anomaly.subject}</p>
      ) : (
        <Link className="control" to={{ open: { kind: 'edge', id: anomaly.edgeId } }}>
          Open the edge: its figures, series, connections
        </Link>
      )}
      <Seen anomaly={anomaly} />
      <section>
        <h2>When</h2>
        <dl className="pairs">
          <Pair name="Since">
            <span title={full(opened)}>{clockMillis(opened)}</span> · {closed === undefined ? `for ${span((now - (opened ?? now)) / 1000)}` : `lasted ${span((closed - (opened ?? closed)) / 1000)}`}
          </Pair>
          {closed !== undefined && (
            <Pair name="Ended">
              <span title={full(closed)}>{clockMillis(closed)}</span> · {ago(closed, now)}
            </Pair>
          )}
          {detection !== undefined && <Pair name="Noticed after">{duration(detection)} from the first event in the kernel</Pair>}
          {anomaly.events > 0n && <Pair name="Events">{plural(Number(anomaly.events), 'event')} counted into it</Pair>}
        </dl>
      </section>
      {anomaly.evidence.length > 0 && (
        <section>
          <h2>What it was judged by</h2>
          <ul className="rows">
            {anomaly.evidence.map((evidence, index) => (
              <li key={index}>
                <time>{clock(millis(evidence.time))}</time>
                <span className="stretch">
                  {evidence.text}
                  <Judged evidence={evidence} />
                </span>
              </li>
            ))}
          </ul>
        </section>
      )}
    </Shell>
  );
}

function Judged({ evidence }: { evidence: Evidence }): ReactElement | null {
  if (evidence.value === undefined) return null;
  return (
    <span className="secondary">
      {' '}
      {withUnit(evidence.value, evidence.unit)}
      {evidence.usual !== undefined && `, usually ${withUnit(evidence.usual, evidence.unit)}`}
    </span>
  );
}

/** Whether an edge is to be spoken of as wrong. */
export function isWrong(health: Health): boolean {
  return health >= Health.DEGRADED;
}
