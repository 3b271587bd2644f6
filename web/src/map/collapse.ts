// SPDX-License-Identifier: Apache-2.0

// Never draw everything: above a readable number of cards, workloads are drawn as groups that are opened one at a time.

import { create } from '@bufbuild/protobuf';
import { type Edge, EdgeSchema, FiguresSchema, type Graph, Health, type Node, NodeSchema } from '../gen/aeolus/query/v1/query_pb';
import type { GroupBy } from '../lib/place';
import { plural, span } from '../lib/format';
import { seconds } from '../lib/time';
import { failuresPerSecond } from '../lib/sentence';

/** More cards than this are not read but looked at. */
export const READABLE = 48;
/** A group of no more than these is drawn open while there is room. */
const SMALL = 12;
const GROUP_PREFIX = 'group:';
const REST_PREFIX = 'rest:';

export interface Drawn {
  nodes: readonly Node[];
  edges: readonly Edge[];
  /** Node id → title of the region it stands in; empty for none. */
  regions: ReadonlyMap<string, string>;
  /** Edge id → id of the edge it is drawn as; what is inside a closed group is not in it. */
  drawnAs: ReadonlyMap<string, string>;
  /** Groups are drawn closed unless opened. */
  collapsed: boolean;
}

const KIND_GROUPS: Record<string, string> = { container: 'containers', unit: 'systemd units', netns: 'network namespaces', process: 'processes', address: 'addresses' };

/** What stands for a node where groups are drawn closed: nothing is left over. */
function homeOf(node: Node, by: GroupBy): string {
  // The controller groups by namespace what is beyond the number asked for.
  if (node.kind === 'group') return node.name;
  if (node.external) return 'addresses';
  const group = groupOf(node, by);
  if (group !== '') return group;
  return by === 'namespace' ? (KIND_GROUPS[node.kind] ?? node.kind) : `no ${by}`;
}

/** What a node belongs to under a grouping; empty if it belongs to nothing. */
export function groupOf(node: Node, by: GroupBy): string {
  switch (by) {
    case 'namespace':
      return node.namespace;
    case 'zone':
      return node.zones[0] ?? '';
    case 'version':
      return node.versions[0] ?? '';
    case 'node':
      return node.nodes[0] ?? '';
    default:
      return '';
  }
}

export function isGroup(id: string): boolean {
  return id.startsWith(GROUP_PREFIX);
}

export function isRest(id: string): boolean {
  return id.startsWith(REST_PREFIX);
}

export function groupName(id: string): string {
  return id.slice(GROUP_PREFIX.length);
}

/** Decides what is drawn: all, all within regions, or groups of which one is open. */
export function draw(graph: Graph, by: GroupBy, opened: string): Drawn {
  if (graph.nodes.length <= READABLE) {
    return { nodes: graph.nodes, edges: graph.edges, regions: new Map(graph.nodes.map((node) => [node.id, groupOf(node, by)])), drawnAs: new Map(graph.edges.map((edge) => [edge.id, edge.id])), collapsed: false };
  }
  const key = by === 'workload' ? 'namespace' : by;
  const rates = rateByNode(graph);
  const shown = new Map<string, string>();
  const members = new Map<string, Node[]>();
  for (const node of graph.nodes) {
    const group = homeOf(node, key);
    members.set(group, [...(members.get(group) ?? []), node]);
  }
  // With one group there is nothing to open: it is open.
  const open = members.size === 1 ? ([...members.keys()][0] ?? '') : opened;
  const small = new Set(opened === '' ? smallGroups(members) : []);
  const isOpen = (group: string): boolean => group === open || small.has(group);
  const nodes: Node[] = [];
  const regions = new Map<string, string>();
  for (const [group, list] of [...members].sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (!isOpen(group)) {
      const id = GROUP_PREFIX + group;
      for (const node of list) shown.set(node.id, id);
      nodes.push(stand(id, group, list));
      continue;
    }
    const ranked = [...list].sort((a, b) => b.health - a.health || (rates.get(b.id) ?? 0) - (rates.get(a.id) ?? 0) || (a.id < b.id ? -1 : 1));
    const rest = ranked.slice(READABLE);
    for (const node of ranked.slice(0, READABLE)) {
      shown.set(node.id, node.id);
      nodes.push(node);
      regions.set(node.id, members.size === 1 ? '' : small.has(group) ? groupOf(node, key) : group);
    }
    if (rest.length > 0) {
      const id = REST_PREFIX + group;
      for (const node of rest) shown.set(node.id, id);
      nodes.push(stand(id, `${rest.length} with less traffic`, rest));
      regions.set(id, members.size === 1 ? '' : group);
    }
  }
  const bundled = bundle(graph, shown);
  if (members.size === 1 || opened === '' || !members.has(open)) return { nodes, ...bundled, regions, collapsed: true };
  // With one group open, only what it talks to is drawn beside it.
  const inside = (id: string): boolean => !isGroup(id);
  const edges = bundled.edges.filter((edge) => inside(edge.client) || inside(edge.server));
  const touched = new Set(edges.flatMap((edge) => [edge.client, edge.server]));
  return { nodes: nodes.filter((node) => inside(node.id) || touched.has(node.id)), edges, drawnAs: bundled.drawnAs, regions, collapsed: true };
}

/** The groups that fit open beside the others closed, smallest first. */
function smallGroups(members: ReadonlyMap<string, readonly Node[]>): string[] {
  let room = READABLE - members.size;
  const fitting: string[] = [];
  for (const [group, list] of [...members].sort(([a, one], [b, other]) => one.length - other.length || (a < b ? -1 : 1))) {
    if (list.length > SMALL || list.length - 1 > room) break;
    room -= list.length - 1;
    fitting.push(group);
  }
  return fitting;
}

function rateByNode(graph: Graph): Map<string, number> {
  const rates = new Map<string, number>();
  for (const edge of graph.edges) {
    const rate = edge.figures?.opensPerSecond ?? 0;
    for (const id of [edge.client, edge.server]) rates.set(id, (rates.get(id) ?? 0) + rate);
  }
  return rates;
}

function stand(id: string, name: string, list: readonly Node[]): Node {
  return create(NodeSchema, {
    id,
    name,
    kind: 'group',
    members: list.reduce((sum, node) => sum + Math.max(1, node.members), 0),
    health: list.reduce<Health>((worst, node) => Math.max(worst, node.health), Health.OK),
    external: list.every((node) => node.external),
  });
}

/** Edges between what is drawn; those inside one closed group are not drawn. */
function bundle(graph: Graph, shown: ReadonlyMap<string, string>): { edges: Edge[]; drawnAs: Map<string, string> } {
  const bundles = new Map<string, Edge[]>();
  for (const edge of graph.edges) {
    const [client, server] = [shown.get(edge.client), shown.get(edge.server)];
    if (client === undefined || server === undefined || client === server) continue;
    const key = `${client}\u0000${server}`;
    bundles.set(key, [...(bundles.get(key) ?? []), edge]);
  }
  const window = seconds(graph.window) ?? 0;
  const drawnAs = new Map<string, string>();
  const edges = [...bundles].map(([key, list]) => {
    for (const edge of list) drawnAs.set(edge.id, list.length === 1 ? edge.id : `bundle:${key}`);
    const [client = '', server = ''] = key.split('\u0000');
    const only = list[0];
    if (only !== undefined && list.length === 1) return { ...only, client, server };
    const sum = (pick: (edge: Edge) => number | undefined): number => list.reduce((total, edge) => total + (pick(edge) ?? 0), 0);
    const worst = list.reduce((found, edge) => (edge.health > found.health ? edge : found));
    return create(EdgeSchema, {
      id: `bundle:${key}`,
      client,
      server,
      clientName: list[0]?.clientName ?? '',
      serverName: list[0]?.serverName ?? '',
      health: worst.health,
      summary: worst.summary === '' ? `${plural(list.length, 'edge')} drawn as one, over ${span(window)}` : worst.summary,
      figures: create(FiguresSchema, { opensPerSecond: sum((edge) => edge.figures?.opensPerSecond), failuresPerSecond: { all: sum((edge) => failuresPerSecond(edge.figures)) } }),
      anomalyIds: list.flatMap((edge) => edge.anomalyIds),
    });
  });
  return { edges, drawnAs };
}
