// SPDX-License-Identifier: Apache-2.0

// What the page knows of the controller: a few stores fed by streams. Everything is bounded.

import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { type Client, Code, ConnectError, createClient, type Transport } from '@connectrpc/connect';
import { type Anomaly, type Event, FilterSchema, type GetGraphRequest, GetGraphRequestSchema, type Graph, QueryService, type Status } from '../gen/aeolus/query/v1/query_pb';
import { LONGEST_IN_MEMORY, type Place, stretchOf } from '../lib/place';
import { Store } from '../lib/store';
import { millis } from '../lib/time';
import { type Condition, follow, pause } from './follow';
import { Presence } from './presence';

export const MOST_EVENTS = 500;
export const MOST_ANOMALIES = 300;
/** Of those that ended some stay known however many are open. */
const MOST_ENDED = 100;
const MOST_NODES = 300;
const STATUS_EVERY = 3000;
/** An event younger than this moves its edge on the map; what is older is history. */
const FRESH = 5000;
/** A page that nobody looks at gives its streams back after this long: browsers allow six to one origin. */
const HIDDEN_FOR = 3000;
/** How often a window asks instead of listening when it is not the only one. */
const ASK_EVERY = 1500;
/** A window of hours changes little, and is asked for again at this distance. */
const SLOW_EVERY = 15_000;
/** What ended so long before the moment looked at is still told, in milliseconds. */
const LATELY = 600_000;
const REFUSALS: ReadonlySet<Code> = new Set([Code.InvalidArgument, Code.ResourceExhausted, Code.DeadlineExceeded, Code.FailedPrecondition]);

export class Live {
  readonly client: Client<typeof QueryService>;
  readonly condition = new Store<Condition>({ state: 'connecting' });
  readonly status = new Store<Status | undefined>(undefined);
  readonly graph = new Store<Graph | undefined>(undefined);
  /** Why the graph that was asked for cannot be had, in words. */
  readonly graphProblem = new Store<string>('');
  readonly anomalies = new Store<readonly Anomaly[] | undefined>(undefined);
  readonly events = new Store<readonly Event[] | undefined>(undefined);
  /** The anomalies of the moment that is looked at; undefined while they are not known, and for now. */
  readonly pastAnomalies = new Store<readonly Anomaly[] | undefined>(undefined);
  /** Milliseconds to add to this machine's clock to get the controller's. */
  readonly skew = new Store(0);

  #pulses = new Set<(edge: string) => void>();
  #running: AbortController | undefined;
  #graphRunning: AbortController | undefined;
  #sideRunning: AbortController | undefined;
  readonly #presence = new Presence(() => {
    if (this.#running !== undefined) this.#followSides(this.#running.signal);
  });
  #request: GetGraphRequest = create(GetGraphRequestSchema);
  #wanted = '';
  #stretch: { from: number; to: number } | undefined;

  constructor(transport: Transport) {
    this.client = createClient(QueryService, transport);
  }

  /** Starts the streams; the function returned ends them. */
  start(): () => void {
    let hiding: ReturnType<typeof setTimeout> | undefined;
    const seen = (): void => {
      clearTimeout(hiding);
      if (document.visibilityState === 'hidden') hiding = setTimeout(() => this.#halt(), HIDDEN_FOR);
      else this.#resume();
    };
    document.addEventListener('visibilitychange', seen);
    this.#resume();
    seen();
    return () => {
      clearTimeout(hiding);
      document.removeEventListener('visibilitychange', seen);
      this.#halt();
    };
  }

  /** Asks for the part of the map that a place shows. */
  show(place: Place): void {
    const request = graphRequest(place);
    if (place.at === undefined) this.pastAnomalies.set(undefined);
    const wanted = JSON.stringify([place.text, place.namespace, place.unhealthy, place.own, place.at, place.window, place.focus, place.hops]);
    if (wanted === this.#wanted) return;
    this.#wanted = wanted;
    this.#request = request;
    this.#stretch = place.at === undefined ? undefined : stretchOf(place, place.at);
    if (this.#running !== undefined) this.#followGraph(this.#running.signal);
  }

  /** Tells a listener of each event's edge as it arrives. */
  onPulse(listener: (edge: string) => void): () => void {
    this.#pulses.add(listener);
    return () => this.#pulses.delete(listener);
  }

  #halt(): void {
    this.#presence.stop();
    this.#running?.abort();
    this.#running = undefined;
  }

  #resume(): void {
    if (this.#running !== undefined) return;
    this.#running = new AbortController();
    const signal = this.#running.signal;
    this.#presence.start();
    this.#followGraph(signal);
    this.#followSides(signal);
    void this.#followStatus(signal);
  }

  /** Anomalies and events: streamed to the only window, asked for by one of several. */
  #followSides(outer: AbortSignal): void {
    this.#sideRunning?.abort();
    const running = new AbortController();
    this.#sideRunning = running;
    outer.addEventListener('abort', () => running.abort(), { signal: running.signal });
    const { client } = this;
    const { several } = this.#presence;
    const anomalies = { ended: true, limit: MOST_ANOMALIES };
    const events = { limit: MOST_EVENTS };
    void follow({
      open: (signal) => (several ? repeated(() => client.listAnomalies(anomalies, { signal }), signal) : client.watchAnomalies(anomalies, { signal })),
      message: (response, first) => this.anomalies.set(mergeAnomalies(first || several ? [] : (this.anomalies.get() ?? []), response.anomalies)),
      signal: running.signal,
    });
    void follow({
      open: (signal) => (several ? repeated(() => client.listEvents(events, { signal }), signal) : client.watchEvents(events, { signal })),
      message: (response, first) => this.#takeEvents(response.events, first),
      signal: running.signal,
    });
  }

  #followGraph(outer: AbortSignal): void {
    this.#graphRunning?.abort();
    const running = new AbortController();
    this.#graphRunning = running;
    outer.addEventListener('abort', () => running.abort(), { signal: running.signal });
    const request = this.#request;
    const past = request.at !== undefined;
    const client = this.client;
    if (past) void this.#askPast(running.signal);
    const slow = !past && request.window !== undefined && Number(request.window.seconds) > LONGEST_IN_MEMORY;
    void follow({
      open: (signal) => (past || slow ? once(() => this.#ask(() => client.getGraph(request, { signal })), signal, slow ? SLOW_EVERY : undefined) : client.watchGraph(request, { signal })),
      message: (graph) => graph !== undefined && this.graph.set(graph),
      condition: (condition) => {
        this.condition.set(condition);
        if (condition.state !== 'live') this.graphProblem.set(condition.state === 'connecting' ? '' : condition.reason);
      },
      signal: running.signal,
    });
  }

  /** An answer; nothing where the controller says why it cannot answer that: asking again would not help. */
  async #ask<T>(ask: () => Promise<T>): Promise<T | undefined> {
    try {
      const answer = await ask();
      this.graphProblem.set('');
      return answer;
    } catch (error) {
      const problem = ConnectError.from(error);
      if (!REFUSALS.has(problem.code)) throw error;
      this.graphProblem.set(problem.rawMessage);
      return undefined;
    }
  }

  /** What was wrong at the moment that is looked at, and shortly before. */
  async #askPast(signal: AbortSignal): Promise<void> {
    const stretch = this.#stretch;
    if (stretch === undefined) return;
    try {
      const { anomalies } = await this.client.listAnomalies({ ended: true, limit: MOST_ANOMALIES, from: timestampFromMs(Math.min(stretch.from, stretch.to - LATELY)), to: timestampFromMs(stretch.to) }, { signal });
      if (!signal.aborted) this.pastAnomalies.set(anomalies);
    } catch {
      // What the page remembers is shown instead.
    }
  }

  async #followStatus(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        const status = await this.client.getStatus({}, { signal });
        const now = millis(status.now);
        // Within a quarter of a second the clocks agree: below that the difference is the way here.
        if (now !== undefined) {
          const skew = now - Date.now();
          this.skew.set(Math.abs(skew) < 250 ? 0 : Math.round(skew));
        }
        this.status.set(status);
      } catch {
        // The graph's stream tells how the connection is doing.
      }
      await pause(STATUS_EVERY, signal);
    }
  }

  #takeEvents(arrived: readonly Event[], first: boolean): void {
    const before = first ? [] : (this.events.get() ?? []);
    const known = new Set(before.map((event) => event.id));
    const added = arrived.filter((event) => !known.has(event.id));
    if (added.length > 0 || this.events.get() === undefined) this.events.set([...before, ...added].slice(-MOST_EVENTS));
    if (first) return;
    const now = Date.now() + this.skew.get();
    const edges = new Set(added.filter((event) => now - (millis(event.time) ?? 0) < FRESH).map((event) => event.edgeId));
    for (const edge of edges) for (const listener of this.#pulses) listener(edge);
  }
}

/** One answer as a stream that then stays open, so that a look at the past is followed like the present; asked for again where it is said how often. */
async function* once<T>(ask: () => Promise<T>, signal: AbortSignal, every?: number): AsyncIterable<T> {
  yield await ask();
  while (!signal.aborted) {
    await pause(every ?? 60_000, signal);
    if (every !== undefined && !signal.aborted) yield await ask();
  }
}

async function* repeated<T>(ask: () => Promise<T>, signal: AbortSignal): AsyncIterable<T> {
  while (!signal.aborted) {
    yield await ask();
    await pause(ASK_EVERY, signal);
  }
}

export function graphRequest(place: Place): GetGraphRequest {
  return create(GetGraphRequestSchema, {
    filter: create(FilterSchema, { text: place.text, namespace: place.namespace, unhealthy: place.unhealthy, own: place.own }),
    ...(place.at === undefined ? {} : { at: timestampFromMs(place.at) }),
    window: { seconds: BigInt(Math.round(place.window)), nanos: 0 },
    focus: place.focus,
    hops: place.focus.length > 0 ? place.hops || 1 : 0,
    maxNodes: MOST_NODES,
  });
}

/** Puts what changed over what was known: what lasts first, worst and then newest first. */
export function mergeAnomalies(known: readonly Anomaly[], changed: readonly Anomaly[]): readonly Anomaly[] {
  const all = new Map(known.map((anomaly) => [anomaly.id, anomaly]));
  for (const anomaly of changed) all.set(anomaly.id, anomaly);
  const open = (anomaly: Anomaly): number => (anomaly.closed === undefined ? 1 : 0);
  const sorted = [...all.values()].sort((a, b) => open(b) - open(a) || (open(a) === 1 ? b.severity - a.severity : 0) || (millis(b.closed ?? b.opened) ?? 0) - (millis(a.closed ?? a.opened) ?? 0) || a.id.localeCompare(b.id));
  return [...sorted.filter((anomaly) => open(anomaly) === 1).slice(0, MOST_ANOMALIES), ...sorted.filter((anomaly) => open(anomaly) === 0).slice(0, MOST_ENDED)];
}
