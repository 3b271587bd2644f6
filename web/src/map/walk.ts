// SPDX-License-Identifier: Apache-2.0

// Keys on the map: sideways from a card onto an edge and along it to its other end, up and down among what lies side by side.

import type { Drawn } from './collapse';
import type { Point } from './layout';

export interface Spot {
  kind: 'node' | 'edge';
  id: string;
  /** The end from which an edge was entered. */
  from?: string;
}

export type Direction = 'left' | 'right' | 'up' | 'down';

export function neighbour(drawn: Drawn, where: (id: string) => Point | undefined, spot: Spot | undefined, direction: Direction): Spot | undefined {
  if (spot === undefined) {
    const first = drawn.nodes[0];
    return first === undefined ? undefined : { kind: 'node', id: first.id };
  }
  return spot.kind === 'node' ? fromNode(drawn, where, spot.id, direction) : fromEdge(drawn, where, spot, direction);
}

function fromNode(drawn: Drawn, where: (id: string) => Point | undefined, id: string, direction: Direction): Spot | undefined {
  const here = where(id);
  if (here === undefined) return undefined;
  if (direction === 'up' || direction === 'down') {
    const sign = direction === 'up' ? -1 : 1;
    let best: { id: string; far: number } | undefined;
    for (const node of drawn.nodes) {
      const there = where(node.id);
      if (node.id === id || there === undefined) continue;
      const ahead = (there.y - here.y) * sign;
      if (ahead <= 1) continue;
      const far = ahead + Math.abs(there.x - here.x) * 2;
      if (best === undefined || far < best.far) best = { id: node.id, far };
    }
    return best === undefined ? undefined : { kind: 'node', id: best.id };
  }
  const leaving = sideways(drawn, where, id, direction);
  const worst = [...leaving].sort((a, b) => b.health - a.health)[0];
  return worst === undefined ? undefined : { kind: 'edge', id: worst.id, from: id };
}

function fromEdge(drawn: Drawn, where: (id: string) => Point | undefined, spot: Spot, direction: Direction): Spot | undefined {
  const edge = drawn.edges.find((candidate) => candidate.id === spot.id);
  if (edge === undefined) return undefined;
  const [client, server] = [where(edge.client), where(edge.server)];
  if (client === undefined || server === undefined) return undefined;
  const clientIsLeft = client.x <= server.x;
  if (direction === 'right') return { kind: 'node', id: clientIsLeft ? edge.server : edge.client };
  if (direction === 'left') return { kind: 'node', id: clientIsLeft ? edge.client : edge.server };
  const from = spot.from ?? edge.client;
  const other = from === edge.client ? server : client;
  const origin = where(from) ?? client;
  const beside = sideways(drawn, where, from, other.x >= origin.x ? 'right' : 'left');
  const index = beside.findIndex((candidate) => candidate.id === edge.id);
  const next = beside[index + (direction === 'down' ? 1 : -1)];
  return next === undefined ? undefined : { kind: 'edge', id: next.id, from };
}

/** Edges that leave a card to one side, from top to bottom. */
function sideways(drawn: Drawn, where: (id: string) => Point | undefined, id: string, direction: 'left' | 'right'): Drawn['edges'][number][] {
  const here = where(id);
  if (here === undefined) return [];
  const far = (edge: Drawn['edges'][number]): Point | undefined => where(edge.client === id ? edge.server : edge.client);
  return drawn.edges
    .filter((edge) => (edge.client === id) !== (edge.server === id))
    .filter((edge) => {
      const there = far(edge);
      return there !== undefined && (direction === 'right' ? there.x >= here.x : there.x < here.x);
    })
    .sort((a, b) => (far(a)?.y ?? 0) - (far(b)?.y ?? 0) || (a.id < b.id ? -1 : 1));
}
