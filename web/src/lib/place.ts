// SPDX-License-Identifier: Apache-2.0

// Every view is a URL. A Place is what the URL says, and the only state that decides what is shown.

export type View = 'map' | 'table' | 'events' | 'anomalies' | 'connections';
export type GroupBy = 'workload' | 'namespace' | 'zone' | 'version' | 'node';
export type OpenKind = 'node' | 'edge' | 'anomaly';

export interface Place {
  view: View;
  /** Any text, looked for in names and addresses. */
  text: string;
  namespace: string;
  /** Only what belongs to this edge: for events and connections. */
  edge: string;
  unhealthy: boolean;
  own: boolean;
  /** Also what has ended: for connections. */
  ended: boolean;
  /** Only what failed: for connections. */
  failed: boolean;
  /** Kinds of events; empty for all. */
  kinds: string[];
  focus: string[];
  hops: number;
  group: GroupBy;
  /** The group that is open where groups are drawn closed. */
  inside: string;
  /** Length of the sliding window in seconds. */
  window: number;
  /** Moment looked at, milliseconds since the epoch; undefined for now. */
  at: number | undefined;
  /** How much time the time bar shows, in seconds. */
  zoom: number;
  /** What the drawer shows. */
  open: { kind: OpenKind; id: string } | undefined;
  /** Column and direction of a table: "failures" or "-failures". */
  sort: string;
}

export const DEFAULT_WINDOW = 10;
export const WINDOWS = [10, 30, 60, 300, 900, 3600, 21_600, 86_400] as const;
/** Longer windows are asked for from what is kept on disk. */
export const LONGEST_IN_MEMORY = 300;
const LONGEST_WINDOW = 31 * 86_400;
export const ZOOMS = [900, 3600, 21_600, 86_400, 604_800] as const;
export const DEFAULT_ZOOM = 900;
export const GROUPS: readonly GroupBy[] = ['workload', 'namespace', 'zone', 'version', 'node'];
const VIEWS: readonly View[] = ['map', 'table', 'events', 'anomalies', 'connections'];
const OPEN_KINDS: readonly OpenKind[] = ['node', 'edge', 'anomaly'];

export const HOME: Place = {
  view: 'map',
  text: '',
  namespace: '',
  edge: '',
  unhealthy: false,
  own: false,
  ended: false,
  failed: false,
  kinds: [],
  focus: [],
  hops: 0,
  group: 'workload',
  inside: '',
  window: DEFAULT_WINDOW,
  at: undefined,
  zoom: DEFAULT_ZOOM,
  open: undefined,
  sort: '',
};

/** Reads a path and query. What it does not understand it leaves at its default. */
export function parsePlace(path: string, search: string): Place {
  const query = new URLSearchParams(search);
  const name = path.replace(/^\/+|\/+$/g, '');
  const view = VIEWS.find((candidate) => candidate === name) ?? 'map';
  const group = GROUPS.find((candidate) => candidate === query.get('group')) ?? 'workload';
  const seconds = Number(query.get('window'));
  const at = Number(query.get('at'));
  const zoom = Number(query.get('zoom'));
  const hops = Number(query.get('hops'));
  return {
    view,
    text: query.get('q') ?? '',
    namespace: query.get('namespace') ?? '',
    edge: query.get('edge') ?? '',
    unhealthy: query.get('unhealthy') === '1',
    own: query.get('own') === '1',
    ended: query.get('ended') === '1',
    failed: query.get('failed') === '1',
    kinds: query.getAll('kind'),
    focus: query.getAll('focus'),
    hops: Number.isInteger(hops) && hops > 0 && hops <= 9 ? hops : 0,
    group,
    inside: query.get('inside') ?? '',
    window: Number.isFinite(seconds) && seconds >= 1 && seconds <= LONGEST_WINDOW ? seconds : DEFAULT_WINDOW,
    at: Number.isFinite(at) && at > 0 ? at : undefined,
    zoom: ZOOMS.find((candidate) => candidate === zoom) ?? DEFAULT_ZOOM,
    open: parseOpen(query.get('open')),
    sort: query.get('sort') ?? '',
  };
}

function parseOpen(text: string | null): Place['open'] {
  if (text === null) return undefined;
  const colon = text.indexOf(':');
  const kind = OPEN_KINDS.find((candidate) => candidate === text.slice(0, colon));
  const id = text.slice(colon + 1);
  return kind === undefined || id === '' ? undefined : { kind, id };
}

/** The URL of a place: the shortest that parses to the same place. */
export function formatPlace(place: Place): string {
  const query = new URLSearchParams();
  if (place.text !== '') query.set('q', place.text);
  if (place.namespace !== '') query.set('namespace', place.namespace);
  if (place.edge !== '') query.set('edge', place.edge);
  if (place.unhealthy) query.set('unhealthy', '1');
  if (place.own) query.set('own', '1');
  if (place.ended) query.set('ended', '1');
  if (place.failed) query.set('failed', '1');
  for (const kind of place.kinds) query.append('kind', kind);
  for (const id of place.focus) query.append('focus', id);
  if (place.hops > 0) query.set('hops', String(place.hops));
  if (place.group !== 'workload') query.set('group', place.group);
  if (place.inside !== '') query.set('inside', place.inside);
  if (place.window !== DEFAULT_WINDOW) query.set('window', String(place.window));
  if (place.at !== undefined) query.set('at', String(Math.round(place.at)));
  if (place.zoom !== DEFAULT_ZOOM) query.set('zoom', String(place.zoom));
  if (place.sort !== '') query.set('sort', place.sort);
  if (place.open !== undefined) query.set('open', `${place.open.kind}:${place.open.id}`);
  const text = query.toString();
  return (place.view === 'map' ? '/' : `/${place.view}`) + (text === '' ? '' : `?${text}`);
}

/** What lists are about when a moment is looked at: the window before it, or at least the minute. Undefined for the present, as far as it is in memory. */
export function stretchOf(place: Place, now: number): { from: number; to: number } | undefined {
  if (place.at === undefined && place.window <= LONGEST_IN_MEMORY) return undefined;
  const to = place.at ?? now;
  return { from: to - Math.max(place.window, 60) * 1000, to };
}
