// SPDX-License-Identifier: Apache-2.0

// A shop that exists only in memory and answers as a controller would. For tests and for `npm run dev`; never in the product.

import { create } from '@bufbuild/protobuf';
import { durationFromMs, timestampFromMs } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError, createRouterTransport, type ServiceImpl, type Transport } from '@connectrpc/connect';
import { AcknowledgementSchema, type Anomaly, AnomalySchema, type Connection, ConnectionSchema, type Edge, EdgeSchema, type Event, EventSchema, EvidenceSchema, FiguresSchema, type Graph, GraphSchema, Health, HitSchema, InstanceSchema, LineSchema, type Node, NodeSchema, QueryService, SeriesSchema, StatusSchema } from '../gen/aeolus/query/v1/query_pb';

export type Scenario = 'quiet' | 'failing' | 'crowded' | 'empty' | 'learning' | 'denied';

interface Workload {
  name: string;
  namespace: string;
  kind: string;
  instances: number;
  version: string;
  external?: boolean;
}

interface Hop {
  client: string;
  server: string;
  port: number;
  opens: number;
  sent: number;
  received: number;
  rtt: number;
}

const SHOP: Workload[] = [
  { name: 'load', namespace: 'shop', kind: 'netns', instances: 1, version: '1.0' },
  { name: 'frontend', namespace: 'shop', kind: 'netns', instances: 3, version: '2.4' },
  { name: 'catalogue', namespace: 'shop', kind: 'netns', instances: 2, version: '1.9' },
  { name: 'cart', namespace: 'shop', kind: 'netns', instances: 2, version: '1.2' },
  { name: 'checkout', namespace: 'shop', kind: 'netns', instances: 2, version: '3.0' },
  { name: 'payment', namespace: 'shop', kind: 'netns', instances: 1, version: '1.7' },
  { name: 'shipping', namespace: 'shop', kind: 'netns', instances: 1, version: '1.1' },
  { name: 'cache', namespace: 'data', kind: 'container', instances: 1, version: '7.2' },
  { name: 'store', namespace: 'data', kind: 'container', instances: 1, version: '16.3' },
  { name: 'ssh.service', namespace: '', kind: 'unit', instances: 1, version: '' },
  { name: '192.0.2.17', namespace: '', kind: 'address', instances: 0, version: '', external: true },
];

const HOPS: Hop[] = [
  { client: 'load', server: 'frontend', port: 8080, opens: 42, sent: 28_000, received: 610_000, rtt: 0.00012 },
  { client: 'frontend', server: 'catalogue', port: 8080, opens: 31, sent: 17_000, received: 410_000, rtt: 0.00021 },
  { client: 'frontend', server: 'cart', port: 8080, opens: 12, sent: 9_000, received: 31_000, rtt: 0.00034 },
  { client: 'frontend', server: 'checkout', port: 9000, opens: 3.4, sent: 5_200, received: 6_100, rtt: 0.00041 },
  { client: 'catalogue', server: 'cache', port: 6379, opens: 0.1, sent: 44_000, received: 390_000, rtt: 0.00009 },
  { client: 'catalogue', server: 'store', port: 5432, opens: 0.2, sent: 12_000, received: 140_000, rtt: 0.0004 },
  { client: 'cart', server: 'cache', port: 6379, opens: 0.1, sent: 21_000, received: 18_000, rtt: 0.00008 },
  { client: 'cart', server: 'store', port: 5432, opens: 0.2, sent: 8_000, received: 16_000, rtt: 0.0011 },
  { client: 'checkout', server: 'payment', port: 50051, opens: 3.3, sent: 3_100, received: 2_700, rtt: 0.0004 },
  { client: 'checkout', server: 'shipping', port: 50051, opens: 3.1, sent: 2_400, received: 2_200, rtt: 0.0003 },
  { client: 'shipping', server: 'store', port: 5432, opens: 0.1, sent: 2_000, received: 3_000, rtt: 0.0006 },
  { client: 'payment', server: '192.0.2.17', port: 443, opens: 1.2, sent: 3_000, received: 8_800, rtt: 0.018 },
  { client: '192.0.2.17', server: 'ssh.service', port: 22, opens: 0.02, sent: 900, received: 2_400, rtt: 0.021 },
];

/** The same number between 0 and 1 for the same text, always. */
export function seeded(text: string): number {
  let hash = 2166136261;
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 16777619);
  hash ^= hash >>> 15;
  return ((Math.imul(hash, 2246822519) >>> 0) % 100_000) / 100_000;
}

function crowd(): { workloads: Workload[]; hops: Hop[] } {
  const namespaces = ['accounts', 'billing', 'catalogue', 'delivery', 'identity', 'media', 'orders', 'platform', 'pricing', 'search', 'support', 'warehouse'];
  const parts = ['api', 'web', 'worker', 'db', 'cache', 'queue', 'sync', 'report', 'edge', 'index', 'mailer', 'audit', 'export', 'import', 'limits', 'hooks', 'scheduler', 'archive', 'rules', 'gateway', 'views', 'tokens', 'sessions', 'history', 'metrics'];
  const workloads: Workload[] = [];
  for (const namespace of namespaces) {
    for (const part of parts) workloads.push({ name: `${namespace}-${part}`, namespace, kind: 'container', instances: 1 + Math.floor(seeded(namespace + part) * 6), version: '1.' + Math.floor(seeded(part) * 9) });
  }
  const hops: Hop[] = [];
  workloads.forEach((workload, index) => {
    const wanted = 1 + Math.floor(seeded('out' + workload.name) * 3);
    for (let hop = 0; hop < wanted; hop++) {
      const own = Math.floor(index / parts.length);
      const near = seeded(`near${hop}${workload.name}`) < 0.9;
      const home = near ? own : [own * 2 + 1, own * 2 + 2, 7][Math.floor(seeded(`far${hop}${workload.name}`) * 3)];
      const target = workloads[(home ?? 0) * parts.length + Math.floor(seeded(`to${hop}${workload.name}`) * parts.length)];
      if (target === undefined || target === workload || hops.some((known) => known.client === workload.name && known.server === target.name)) continue;
      hops.push({ client: workload.name, server: target.name, port: 8080, opens: 10 ** (seeded(`o${hop}${workload.name}`) * 4 - 1), sent: 2_000, received: 9_000, rtt: 0.0005 });
    }
  });
  return { workloads, hops };
}

/** The controller of the shop: a state, and the answers made from it. */
export class Shop {
  readonly transport: Transport;
  readonly started = Date.now() - 640_000;
  readonly faultSince = Date.now() - 74_000;
  #scenario: Scenario;
  #waiting = new Set<() => void>();
  #extra: Event[] = [];
  #ended: Anomaly[] = [];
  #crowd: { workloads: Workload[]; hops: Hop[] } | undefined;

  constructor(scenario: Scenario) {
    this.#scenario = scenario;
    this.transport = createRouterTransport(({ service }) => service(QueryService, this.#answers()));
  }

  /** Switches the shop to another state; every watcher is told. */
  become(scenario: Scenario): void {
    // What was wrong and no longer is has ended.
    this.#ended.push(...this.#anomalies().filter((anomaly) => anomaly.closed === undefined).map((anomaly) => ({ ...anomaly, closed: timestampFromMs(Date.now()) })));
    this.#scenario = scenario;
    this.#wake();
  }

  /** One refused connect, now. */
  refuse(): void {
    this.#extra.push(this.#event(`now${this.#extra.length}`, Date.now()));
    this.#wake();
  }

  #wake(): void {
    for (const waiting of [...this.#waiting]) waiting();
  }

  async *#turns(signal: AbortSignal, every: number): AsyncGenerator<void> {
    while (!signal.aborted) {
      yield;
      await new Promise<void>((resolve) => {
        const done = (): void => {
          clearTimeout(timer);
          this.#waiting.delete(done);
          signal.removeEventListener('abort', done);
          resolve();
        };
        const timer = setTimeout(done, every);
        this.#waiting.add(done);
        signal.addEventListener('abort', done);
      });
    }
  }

  #world(): { workloads: Workload[]; hops: Hop[] } {
    if (this.#scenario === 'empty') return { workloads: [], hops: [] };
    if (this.#scenario !== 'crowded') return { workloads: SHOP, hops: HOPS };
    this.#crowd ??= crowd();
    return this.#crowd;
  }

  #health(hop: Hop): Health {
    if (this.#scenario === 'failing') {
      if (hop.client === 'checkout' && hop.server === 'payment') return Health.FAILING;
      if (hop.client === 'cart' && hop.server === 'store') return Health.DEGRADED;
      if (hop.server === 'ssh.service') return Health.QUIET;
    }
    if (this.#scenario === 'crowded') {
      if (hop.client === 'orders-api') return Health.FAILING;
      if (seeded('h' + hop.client + hop.server) > 0.99) return Health.DEGRADED;
    }
    return Health.OK;
  }

  #edge(hop: Hop, now: number): Edge {
    const health = this.#health(hop);
    const wave = 1 + 0.06 * Math.sin(now / 4000 + seeded(hop.server) * 6);
    const failing = health === Health.FAILING;
    const client = this.#id(hop.client);
    const server = this.#id(hop.server);
    return create(EdgeSchema, {
      id: `${client}>${server}`,
      client,
      server,
      clientName: hop.client,
      serverName: hop.server,
      ports: [hop.port],
      health,
      summary: failing ? `${hop.server} refuses 94 % of ${hop.client}'s connects since ${new Date(this.faultSince).toTimeString().slice(0, 8)}` : health === Health.DEGRADED ? `${hop.client} retransmits 3.1 % of its segments to ${hop.server}, usually 0.01 %` : '',
      reporter: hop.server === '192.0.2.17' ? 'client' : hop.client === '192.0.2.17' ? 'server' : 'both',
      figures: create(FiguresSchema, {
        opensPerSecond: hop.opens * wave,
        establishedPerSecond: hop.opens * wave * (failing ? 0.06 : 1),
        closesPerSecond: hop.opens * wave * (failing ? 0.06 : 1),
        openConnections: BigInt(Math.ceil(hop.opens / 4)),
        sentBytesPerSecond: hop.sent * wave * (failing ? 0.06 : 1),
        receivedBytesPerSecond: hop.received * wave * (failing ? 0.06 : 1),
        failuresPerSecond: failing ? { refused: hop.opens * wave * 0.9, reset: hop.opens * wave * 0.04 } : {},
        failureRatio: hop.client === '192.0.2.17' ? undefined : failing ? 0.94 : 0,
        retransmitRatio: health === Health.DEGRADED ? 0.031 : 0.0001,
        ...(hop.opens < 0.05 ? {} : { smoothedRttSeconds: hop.rtt * wave, minRttSeconds: hop.rtt * 0.7, handshakeSeconds: hop.rtt * 1.2 }),
        segmentsPerSecond: hop.sent / 700,
      }),
      anomalyIds: failing ? ['a1'] : health === Health.DEGRADED ? ['a2'] : [],
      firstSeen: timestampFromMs(this.started),
      lastSeen: timestampFromMs(now - 300),
    });
  }

  #id(name: string): string {
    if (this.#scenario === 'crowded') return `container/${name.split('-')[0]}/${name}`;
    const workload = SHOP.find((candidate) => candidate.name === name);
    return `${workload?.kind ?? 'netns'}/${workload?.namespace ?? ''}/${name}`;
  }

  #node(workload: Workload, edges: readonly Edge[], now: number): Node {
    const id = `${workload.kind}/${workload.namespace}/${workload.name}`;
    const worst = edges.filter((edge) => edge.server === id).reduce((health, edge) => Math.max(health, edge.health) as Health, Health.OK);
    return create(NodeSchema, {
      id,
      name: workload.name,
      namespace: workload.namespace,
      kind: workload.kind,
      external: workload.external ?? false,
      versions: workload.version === '' ? [] : [workload.version],
      zones: workload.namespace === '' ? [] : [seeded(workload.name) > 0.5 ? 'zone-a' : 'zone-b'],
      nodes: workload.external === true ? [] : ['demo-host'],
      health: worst,
      instances: Array.from({ length: workload.instances }, (_, index) =>
        create(InstanceSchema, {
          name: `${workload.name}-${index + 1}`,
          version: workload.version,
          zone: index % 2 === 0 ? 'zone-a' : 'zone-b',
          node: 'demo-host',
          address: `10.77.0.${10 + index + Math.floor(seeded(workload.name) * 200)}`,
          pid: 4000 + Math.floor(seeded(workload.name) * 9000) + index,
          process: workload.kind === 'container' ? 'redis-server' : 'aeolus',
          containerId: workload.kind === 'container' ? '3f9c2a77e1d0' : '',
          containerImage: workload.kind === 'container' ? 'docker.io/library/redis:7.2' : '',
          cgroupPath: `/aeolus-demo/${workload.name}-${index + 1}`,
          lastSeen: timestampFromMs(now - 700),
        }),
      ),
      evidence: workload.external === true ? { name: 'address' } : { name: 'netns', zone: 'environment', version: 'environment', process: 'proc' },
    });
  }

  graph(windowMs = 10_000, at = Date.now()): Graph {
    const { workloads, hops } = this.#world();
    const edges = hops.map((hop) => this.#edge(hop, at));
    return create(GraphSchema, { at: timestampFromMs(at), window: durationFromMs(windowMs), nodes: workloads.map((workload) => this.#node(workload, edges, at)), edges, revision: BigInt(at) });
  }

  #anomalies(): Anomaly[] {
    const ended = create(AnomalySchema, {
      id: 'a0', kind: 'latency', severity: Health.DEGRADED, edgeId: `${this.#id('frontend')}>${this.#id('catalogue')}`, clientName: 'frontend', serverName: 'catalogue',
      opened: timestampFromMs(this.started + 120_000), closed: timestampFromMs(this.started + 171_000), changed: timestampFromMs(this.started + 171_000),
      summary: "catalogue's round trips to frontend took 42 ms, usually 0.21 ms", events: 0n,
      evidence: [create(EvidenceSchema, { time: timestampFromMs(this.started + 120_000), text: 'Smoothed round trip above its usual range', value: 0.042, usual: 0.00021, unit: 's' })],
    });
    if (this.#scenario === 'empty' || this.#scenario === 'learning') return [];
    if (this.#scenario === 'quiet') return [...this.#ended, ended];
    const edges = this.#world().hops.map((hop) => this.#edge(hop, Date.now())).filter((edge) => edge.health >= Health.DEGRADED);
    const open = edges.map((edge, index) =>
      create(AnomalySchema, {
        id: `a${index + 1}`, kind: edge.health === Health.FAILING ? 'connect-failures' : 'retransmits', severity: edge.health, edgeId: edge.id, clientName: edge.clientName, serverName: edge.serverName,
        opened: timestampFromMs(this.faultSince), changed: timestampFromMs(Date.now()), summary: edge.summary, events: edge.health === Health.FAILING ? 231n : 0n,
        ...(edge.health === Health.FAILING ? { detection: durationFromMs(3.4) } : {}),
        evidence: edge.health === Health.FAILING
          ? [create(EvidenceSchema, { time: timestampFromMs(this.faultSince), text: 'Connect refused by 10.77.0.31:50051', value: 0.94, usual: 0, unit: 'ratio' }), create(EvidenceSchema, { time: timestampFromMs(this.faultSince + 1000), text: 'Failed connects a second', value: 3.1, usual: 0, unit: '1/s' })]
          : [create(EvidenceSchema, { time: timestampFromMs(this.faultSince), text: 'Retransmitted share of the segments sent', value: 0.031, usual: 0.0001, unit: 'ratio' })],
      }),
    );
    open.sort((a, b) => b.severity - a.severity);
    return [...open, ended];
  }

  #event(id: string, ms: number): Event {
    const failing = this.#world().hops.find((hop) => this.#health(hop) === Health.FAILING) ?? this.#world().hops[0];
    if (failing === undefined) return create(EventSchema, { id });
    return create(EventSchema, {
      id, time: timestampFromMs(ms), kind: Number(id.replace(/\D/g, '')) % 9 === 4 ? 'connection.reset' : 'connect.refused', edgeId: `${this.#id(failing.client)}>${this.#id(failing.server)}`,
      clientName: failing.client, serverName: failing.server, clientAddress: `10.77.0.12:${40_000 + Math.floor(seeded(id) * 20_000)}`, serverAddress: `10.77.0.31:${failing.port}`,
      reporter: 'client', node: 'demo-host', pid: 4711, process: failing.client, text: `${failing.server} refused a connect of ${failing.client}`, latency: { seconds: 0n, nanos: 400_000 + Math.round(1_000_000 * seeded(id)) },
    });
  }

  #events(): Event[] {
    const found: Event[] = [];
    if (this.#scenario === 'failing' || this.#scenario === 'crowded') {
      found.push(create(EventSchema, { id: 'l0', time: timestampFromMs(this.faultSince), kind: 'log', reporter: 'otlp', text: 'disk /dev/vda is nearly full' }));
      for (let ms = this.faultSince, index = 0; ms < Date.now(); ms += 320, index++) found.push(this.#event(`e${index}`, ms));
    }
    return [...found, ...this.#extra];
  }

  #connections(edgeId: string, closed: boolean): Connection[] {
    const { hops } = this.#world();
    const now = Date.now();
    return hops.flatMap((hop) => {
      const edge = this.#edge(hop, now);
      if (edgeId !== '' && edge.id !== edgeId) return [];
      return Array.from({ length: Math.min(12, Math.ceil(hop.opens / 3) + 1) }, (_, index) => {
        const over = index % 4 === 3;
        if (over && !closed) return undefined;
        return create(ConnectionSchema, {
          id: `${edge.id}#${index}`, edgeId: edge.id, clientName: hop.client, serverName: hop.server, clientAddress: `10.77.0.12:${41_000 + index * 37}`, serverAddress: `10.77.0.31:${hop.port}`,
          state: over ? (edge.health === Health.FAILING ? 'failed' : 'closed') : 'established', failure: over && edge.health === Health.FAILING ? 'refused' : '', reporter: 'client',
          opened: timestampFromMs(now - 3000 - index * 41_000), ...(over ? { closed: timestampFromMs(now - index * 900) } : {}), sentBytes: BigInt(Math.round(hop.sent * (index + 1) * 3)), receivedBytes: BigInt(Math.round(hop.received * (index + 1) * 3)),
          segments: BigInt(300 * (index + 1)), retransmits: edge.health === Health.DEGRADED ? BigInt(9 * (index + 1)) : 0n, smoothedRttSeconds: hop.rtt, minRttSeconds: hop.rtt * 0.7, clientPid: 4711 + index, clientProcess: hop.client, serverPid: 5120, serverProcess: hop.server, adopted: index === 0,
        });
      }).filter((connection) => connection !== undefined);
    });
  }

  #answers(): Partial<ServiceImpl<typeof QueryService>> {
    const shop = this;
    const allowed = (): void => {
      if (shop.#scenario === 'denied') throw new ConnectError('no token, or a wrong one', Code.Unauthenticated);
    };
    return {
      getStatus() {
        allowed();
        const { workloads, hops } = shop.#world();
        const open = shop.#anomalies().filter((anomaly) => anomaly.closed === undefined).length;
        return create(StatusSchema, { name: 'demo-host', version: '0.1.0', started: timestampFromMs(shop.started), now: timestampFromMs(Date.now()), agents: [{ node: 'demo-host', connected: true, kernel: '6.18.0' }], workloads: workloads.length, edges: hops.length, openConnections: 214, openAnomalies: open, learning: shop.#scenario === 'learning', history: durationFromMs(600_000) });
      },
      getGraph(request) {
        allowed();
        return shop.graph(10_000, request.at === undefined ? Date.now() : Number(request.at.seconds) * 1000);
      },
      async *watchGraph(request, context) {
        allowed();
        for await (const _ of shop.#turns(context.signal, 1000)) {
          const graph = shop.graph(Number(request.window?.seconds ?? 10n) * 1000);
          const text = request.filter?.text ?? '';
          if (request.filter?.unhealthy === true) graph.edges = graph.edges.filter((edge) => edge.health >= Health.DEGRADED);
          if (text !== '') graph.edges = graph.edges.filter((edge) => `${edge.clientName} ${edge.serverName}`.includes(text));
          if (text !== '' || request.filter?.unhealthy === true) graph.nodes = graph.nodes.filter((node) => graph.edges.some((edge) => edge.client === node.id || edge.server === node.id));
          yield graph;
        }
      },
      getSeries(request) {
        const to = request.to === undefined ? Math.floor(Date.now() / 1000) : Number(request.to.seconds);
        const from = Math.max(request.from === undefined ? to - 600 : Number(request.from.seconds), Math.floor(shop.started / 1000));
        const step = Number(request.step?.seconds ?? 1n) || 1;
        const hop = shop.#world().hops.find((candidate) => shop.#edge(candidate, 0).id === request.edgeId);
        const times: number[] = [];
        for (let time = from - (from % step); time <= to; time += step) times.push(time);
        if (hop === undefined) return create(SeriesSchema, {});
        const edge = shop.#edge(hop, 0);
        const since = shop.faultSince / 1000;
        const noise = (time: number, name: string): number => 0.82 + 0.36 * seeded(`${name}${time}`) + 0.1 * Math.sin(time / 40);
        const failing = (time: number): boolean => edge.health === Health.FAILING && time >= since;
        const slow = (time: number): boolean => edge.health === Health.DEGRADED && time >= since;
        const line = (name: string, unit: string, value: (time: number) => number) => create(LineSchema, { name, unit, values: times.map(value) });
        return create(SeriesSchema, {
          times,
          lines: [
            line('opens_per_second', '1/s', (time) => hop.opens * noise(time, 'o')),
            line('established_per_second', '1/s', (time) => hop.opens * noise(time, 'o') * (failing(time) ? 0.06 : 1)),
            line('closes_per_second', '1/s', (time) => hop.opens * noise(time - 1, 'o') * (failing(time) ? 0.06 : 1)),
            line('open_connections', '1', () => Math.ceil(hop.opens / 4)),
            line('sent_bytes_per_second', 'bytes/s', (time) => hop.sent * noise(time, 's') * (failing(time) ? 0.06 : 1)),
            line('received_bytes_per_second', 'bytes/s', (time) => hop.received * noise(time, 'r') * (failing(time) ? 0.06 : 1)),
            line('failures.refused', '1/s', (time) => (failing(time) ? hop.opens * noise(time, 'o') * 0.9 : 0)),
            line('failures.reset', '1/s', (time) => (failing(time) ? hop.opens * noise(time, 'o') * 0.04 : 0)),
            line('retransmit_ratio', 'ratio', (time) => (slow(time) ? 0.03 * noise(time, 't') : 0.0001 * seeded('t' + time))),
            line('smoothed_rtt_seconds', 's', (time) => (failing(time) ? Number.NaN : hop.rtt * noise(time, 'q'))),
            line('min_rtt_seconds', 's', (time) => (failing(time) ? Number.NaN : hop.rtt * 0.7)),
          ],
        });
      },
      listConnections(request) {
        const found = shop.#connections(request.filter?.edgeId ?? '', request.closed || request.failed);
        return { connections: request.failed ? found.filter((connection) => connection.state === 'failed') : found };
      },
      async *watchEvents(_request, context) {
        allowed();
        let sent = 0;
        for await (const _ of shop.#turns(context.signal, 400)) {
          const all = shop.#events();
          if (all.length > sent || sent === 0) yield { events: all.slice(sent) };
          sent = all.length;
        }
      },
      listEvents(request) {
        const edge = request.filter?.edgeId ?? '';
        return { events: shop.#events().filter((event) => edge === '' || event.edgeId === edge) };
      },
      async *watchAnomalies(_request, context) {
        allowed();
        let before = '';
        for await (const _ of shop.#turns(context.signal, 1000)) {
          const now = shop.#anomalies();
          const key = now.map((anomaly) => anomaly.id + (anomaly.closed === undefined ? '' : '!')).join();
          if (key !== before || before === '') yield { anomalies: now };
          before = key;
        }
      },
      acknowledgeAnomaly(request) {
        const found = shop.#anomalies().find((anomaly) => anomaly.id === request.id);
        if (found === undefined) throw new ConnectError('there is no such anomaly', Code.NotFound);
        return { ...found, acknowledgement: create(AcknowledgementSchema, { who: request.who === '' ? 'default' : request.who, comment: request.comment, at: timestampFromMs(Date.now()) }) };
      },
      unacknowledgeAnomaly: (request) => shop.#anomalies().find((anomaly) => anomaly.id === request.id) ?? create(AnomalySchema, { id: request.id }),
      listAnomalies: () => ({ anomalies: shop.#anomalies() }),
      search(request) {
        const { workloads, hops } = shop.#world();
        const found = workloads.filter((workload) => workload.name.includes(request.text)).map((workload) => create(HitSchema, { kind: 'node', id: shop.#id(workload.name), title: workload.name, subtitle: `${workload.kind} in ${workload.namespace || 'no namespace'}`, health: Health.OK }));
        const along = hops.filter((hop) => hop.client.includes(request.text) || hop.server.includes(request.text)).map((hop) => create(HitSchema, { kind: 'edge', id: `${shop.#id(hop.client)}>${shop.#id(hop.server)}`, title: `${hop.client} → ${hop.server}`, subtitle: `port ${hop.port}`, health: shop.#health(hop) }));
        return { hits: [...found, ...along].slice(0, request.limit || 10) };
      },
    };
  }
}
