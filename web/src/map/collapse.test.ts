// SPDX-License-Identifier: Apache-2.0

import { expect, test } from 'vitest';
import { Health } from '../gen/aeolus/query/v1/query_pb';
import { Shop } from '../test/shop';
import { draw, READABLE } from './collapse';
import { neighbour } from './walk';

test('a small map is drawn whole, in regions if asked for', () => {
  const graph = new Shop('failing').graph();
  const plain = draw(graph, 'workload', '');
  expect(plain.nodes).toHaveLength(graph.nodes.length);
  expect([...plain.regions.values()].every((region) => region === '')).toBe(true);
  expect(draw(graph, 'namespace', '').regions.get('netns/shop/cart')).toBe('shop');
});

test('a crowd is drawn as groups that hide no trouble', () => {
  const graph = new Shop('crowded').graph();
  expect(graph.nodes.length).toBe(300);
  const drawn = draw(graph, 'workload', '');
  expect(drawn.nodes.length).toBeLessThanOrEqual(READABLE);
  expect(drawn.nodes.reduce((sum, node) => sum + node.members, 0)).toBe(300);
  expect(drawn.nodes.find((node) => node.name === 'orders')?.health).toBe(Health.FAILING);
});

test('what is small stays open beside a crowd', () => {
  const graph = new Shop('crowded').graph();
  graph.nodes.slice(0, 5).forEach((node) => {
    node.namespace = 'shop';
  });
  const drawn = draw(graph, 'workload', '');
  expect(drawn.nodes.filter((node) => node.kind !== 'group')).toHaveLength(5);
  expect(drawn.nodes.length).toBeLessThanOrEqual(READABLE);
  expect(drawn.regions.get(graph.nodes[0]?.id ?? '')).toBe('shop');
});

test('one group is opened at a time, with what it talks to beside it', () => {
  const graph = new Shop('crowded').graph();
  const drawn = draw(graph, 'workload', 'orders');
  expect(drawn.nodes.filter((node) => node.kind !== 'group')).toHaveLength(25);
  expect(drawn.edges.some((edge) => edge.health === Health.FAILING)).toBe(true);
  const present = new Set(drawn.nodes.map((node) => node.id));
  for (const edge of drawn.edges) expect(present.has(edge.client) && present.has(edge.server)).toBe(true);
});

test('an opened group of many shows the worst and stands the rest behind one card', () => {
  const graph = new Shop('crowded').graph();
  for (const node of graph.nodes) node.namespace = 'one';
  const drawn = draw(graph, 'namespace', '');
  expect(drawn.nodes).toHaveLength(READABLE + 1);
  expect(drawn.nodes.some((node) => node.health === Health.FAILING && node.kind !== 'group')).toBe(true);
  expect(drawn.nodes.at(-1)?.members).toBe(300 - READABLE);
});

test('arrows go onto an edge, along it, and among those beside it', () => {
  const graph = new Shop('failing').graph();
  const drawn = draw(graph, 'workload', '');
  const columns: Record<string, [number, number]> = { frontend: [1, 1], catalogue: [2, 0], cart: [2, 1], checkout: [2, 2], load: [0, 1] };
  const where = (id: string): { x: number; y: number } => {
    const [x, y] = columns[id.split('/').at(-1) ?? ''] ?? [3, 3];
    return { x: x * 300, y: y * 90 };
  };
  const from = { kind: 'node', id: 'netns/shop/frontend' } as const;
  const onto = neighbour(drawn, where, from, 'right');
  expect(onto?.kind).toBe('edge');
  const down = neighbour(drawn, where, onto, 'down');
  expect(down).toMatchObject({ kind: 'edge', from: from.id });
  expect(down?.id).not.toBe(onto?.id);
  expect(neighbour(drawn, where, down, 'right')?.kind).toBe('node');
  expect(neighbour(drawn, where, onto, 'left')).toEqual({ kind: 'node', id: from.id });
  expect(neighbour(drawn, where, undefined, 'right')).toEqual({ kind: 'node', id: drawn.nodes[0]?.id });
});
