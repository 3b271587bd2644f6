// SPDX-License-Identifier: Apache-2.0

// What the page knows of the controller: a few stores fed by streams. Everything is bounded.

import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { type Client, createClient, type Transport } from '@connectrpc/connect';
import { type Anomaly, type Event, FilterSchema, type GetGraphRequest, GetGraphRequestSchema, type Graph, QueryService, type Status } from '../gen/aeolus/query/v1/query_pb';
import type { Place } from '../lib/place';
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

export class Live {
  readonly client: Client<typeof QueryService>;
  readonly condition = new Store<Condition>({ state: 'connecting' });
  readonly status = new Store<Status | undefined>(undefined);
  readonly graph = new Store<Graph | undefined>(undefined);
  /** Why the graph that was asked for cannot be had, in words. */
  readonly graphProblem = new Store<string>('');
  readonly anomalies = new Store<readonly Anomaly[] | undefined>(undefined);
  readonly events = new Store<readonly Event[] | undefined>(undefined);
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
    const wanted = JSON.stringify([place.text, place.namespace, place.unhealthy, place.own, place.at, place.window, place.focus, place.hops]);
    if (wanted === this.#wanted) return;
    this.#wanted = wanted;
    this.#request = request;
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
    void follow({
      open: (signal) => (past ? once(() => client.getGraph(request, { signal }), signal) : client.watchGraph(request, { signal })),
      message: (graph) => this.graph.set(graph),
      condition: (condition) => {
        this.condition.set(condition);
        this.graphProblem.set(condition.state === 'reconnecting' || condition.state === 'denied' ? condition.reason : '');
      },
      signal: running.signal,
    });
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

/** One answer as a stream that then stays open, so that a look at the past is followed like the present. */
async function* once<T>(ask: () => Promise<T>, signal: AbortSignal): AsyncIterable<T> {
  yield await ask();
  while (!signal.aborted) await pause(60_000, signal);
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
