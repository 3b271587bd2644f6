// SPDX-License-Identifier: Apache-2.0

// A sentence before a number.

import type { Edge, Figures, Graph, Node, Status } from '../gen/aeolus/query/v1/query_pb';
import { Health } from '../gen/aeolus/query/v1/query_pb';
import { bytesPerSecond, count, plural, ratio, span } from './format';

/** How a kind of failure is said of a connect. */
const FAILURE_WORDS: Record<string, string> = {
  refused: 'refused',
  'timed-out': 'timed out',
  'given-up': 'given up while unanswered',
  reset: 'reset',
  unreachable: 'unreachable',
  'no-route': 'without a route',
  'never-sent': 'never sent',
};

export function failureWords(kind: string): string {
  return FAILURE_WORDS[kind] ?? kind.replaceAll('-', ' ');
}

export function failuresPerSecond(figures: Figures | undefined): number | undefined {
  if (figures === undefined) return undefined;
  const values = Object.values(figures.failuresPerSecond);
  if (values.length === 0) return figures.failureRatio === undefined ? undefined : 0;
  return values.reduce((sum, value) => sum + value, 0);
}

/** Failures counted in the window: what the badge on a failing edge shows. */
export function failuresInWindow(edge: Edge, windowSeconds: number): number {
  return Math.round((failuresPerSecond(edge.figures) ?? 0) * windowSeconds);
}

/** What is to be said of an edge: what is wrong, or in which way nothing is. */
export function edgeSentence(edge: Edge, windowSeconds: number): string {
  if (edge.summary !== '') return edge.summary;
  const figures = edge.figures;
  const window = `in the last ${span(windowSeconds)}`;
  if (edge.health === Health.QUIET) return `${edge.clientName} has sent nothing to ${edge.serverName} ${window}.`;
  const parts: string[] = [];
  const opens = figures?.opensPerSecond;
  if (opens !== undefined && opens > 0) {
    const failed = figures?.failureRatio;
    const outcome = failed === undefined ? '' : failed > 0 ? `, ${ratio(failed)} of them failed` : ', none failed';
    parts.push(`opens ${count(opens)} connections a second to ${edge.serverName}${outcome}`);
  } else if (figures?.openConnections !== undefined && figures.openConnections > 0n) {
    parts.push(`keeps ${plural(Number(figures.openConnections), 'connection')} open to ${edge.serverName}`);
  }
  const sent = figures?.sentBytesPerSecond;
  if (sent !== undefined && sent > 0) parts.push(`sends ${bytesPerSecond(sent)}`);
  if (parts.length === 0) return `${edge.clientName} talks to ${edge.serverName}; nothing moved ${window}.`;
  return `${edge.clientName} ${parts.join(' and ')}, ${window}.`;
}

export function nodeSentence(node: Node, graph: Graph): string {
  const calls = graph.edges.filter((edge) => edge.client === node.id).length;
  const callers = graph.edges.filter((edge) => edge.server === node.id).length;
  if (node.members > 0) return `${plural(node.members, 'workload')} drawn as one. Open it to see them.`;
  if (node.external) return `Seen only as an address: no agent reports from there. Called by ${plural(callers, 'workload')}.`;
  const parts = [callers > 0 ? `is called by ${callers}` : '', calls > 0 ? `calls ${calls}` : ''].filter((part) => part !== '');
  return parts.length === 0 ? `${node.name} talks to nobody here.` : `${node.name} ${parts.join(' and ')}.`;
}

/** The line above the list of what is wrong. */
export function quietSentence(status: Status): string {
  return `${plural(status.workloads, 'workload')}, ${plural(status.edges, 'edge')}, ${plural(status.openAnomalies, 'anomaly', 'anomalies')}`;
}

export function kindWords(node: Node): string {
  const kinds: Record<string, string> = { unit: 'systemd unit', netns: 'network namespace', address: 'address', container: 'container', process: 'process', group: 'group' };
  return kinds[node.kind] ?? node.kind;
}

/** The second line of a node's card. */
export function nodeDetail(node: Node): string {
  if (node.members > 0) return plural(node.members, 'workload');
  // On the card there is room for one word.
  const kind = kindWords(node).split(' ').at(-1) ?? '';
  const instances = node.instances.length;
  if (node.external) return 'outside';
  return instances > 1 ? `${kind} · ${count(instances)} instances` : kind;
}

/** Why a figure is not there, for the hover on its dash. */
export function unknownReason(field: string, edge: Edge): string {
  const side = edge.reporter === 'client' ? `only the client's side (${edge.clientName}) is seen` : edge.reporter === 'server' ? `only the server's side (${edge.serverName}) is seen` : '';
  switch (field) {
    case 'smoothedRttSeconds':
    case 'minRttSeconds':
      return 'Not known: no open connection gave a round-trip sample in the window.';
    case 'handshakeSeconds':
      return 'Not known: no connection was opened in the window.';
    case 'retransmitRatio':
      return 'Not known: no segments were sent in the window.';
    case 'failureRatio':
      return edge.reporter === 'server' ? `Not known: ${side}, and failed connects are known to the client alone.` : 'Not known: nothing was attempted in the window.';
    default:
      return side === '' ? 'Not known: nothing was reported in the window.' : `Not known: ${side}.`;
  }
}
