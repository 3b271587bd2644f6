// SPDX-License-Identifier: Apache-2.0

import { expect, test } from 'vitest';
import { seeded } from '../test/shop';
import { CARD, extend, layered, type LayoutEdge, type LayoutNode, type Point, spread } from './layout';

function graph(text: string, regions: Record<string, string> = {}): { nodes: LayoutNode[]; edges: LayoutEdge[] } {
  const edges = text.split(' ').filter((part) => part.includes('>')).map((part) => {
    const [source = '', target = ''] = part.split('>');
    return { id: part, source, target };
  });
  const ids = [...new Set(text.split(' ').flatMap((part) => part.split('>')))].filter((id) => id !== '');
  return { nodes: ids.map((id) => ({ id, region: regions[id] ?? '' })), edges };
}

function random(seed: string, amount: number): { nodes: LayoutNode[]; edges: LayoutEdge[] } {
  const nodes = Array.from({ length: amount }, (_, index) => ({ id: `n${index}`, region: '' }));
  const edges = new Map<string, LayoutEdge>();
  for (let index = 0; index < amount * 2; index++) {
    const [source, target] = [`n${Math.floor(seeded(`${seed}a${index}`) * amount)}`, `n${Math.floor(seeded(`${seed}b${index}`) * amount)}`];
    edges.set(`${source}>${target}`, { id: `${source}>${target}`, source, target });
  }
  return { nodes, edges: [...edges.values()] };
}

function overlap(positions: ReadonlyMap<string, Point>): string[] {
  const all = [...positions];
  return all.flatMap(([a, p], index) => all.slice(index + 1).filter(([, q]) => Math.abs(p.x - q.x) < CARD.width && Math.abs(p.y - q.y) < CARD.height).map(([b]) => `${a}/${b}`));
}

test('callers stand left of those they call', () => {
  const { nodes, edges } = graph('load>front front>cart front>pay cart>db pay>db');
  const { positions } = layered(nodes, edges);
  for (const edge of edges) expect(positions.get(edge.source)?.x).toBeLessThan(positions.get(edge.target)?.x ?? 0);
});

test('the order in which things arrive does not matter', () => {
  const { nodes, edges } = random('order', 40);
  const one = layered(nodes, edges);
  const other = layered([...nodes].reverse(), [...edges].reverse());
  expect([...other.positions].sort()).toEqual([...one.positions].sort());
});

test.each(['a>b b>a', 'a>a', 'a>b b>c c>a c>d', 'alone', 'a>b x>y alone'])('%s is laid out without overlap', (text) => {
  const { nodes, edges } = graph(text);
  const { positions } = layered(nodes, edges);
  expect(positions.size).toBe(nodes.length);
  expect(overlap(positions)).toEqual([]);
  for (const point of positions.values()) expect(Number.isFinite(point.x) && Number.isFinite(point.y)).toBe(true);
});

test.each([2, 9, 60, 300])('%d random workloads do not overlap', (amount) => {
  for (const seed of ['s', 't', 'u']) {
    const { nodes, edges } = random(seed + amount, amount);
    expect(overlap(layered(nodes, edges).positions)).toEqual([]);
  }
});

test('an edge that passes a column goes between its cards', () => {
  const { nodes, edges } = graph('a>b b>c a>c b>d');
  const { positions, bends } = layered(nodes, edges);
  const bend = bends.get('a>c') ?? [];
  expect(bend).toHaveLength(1);
  for (const point of bend) for (const card of positions.values()) expect(Math.abs(card.x - point.x) < CARD.width / 2 && Math.abs(card.y - point.y) < CARD.height / 2).toBe(false);
});

test('regions keep together and apart', () => {
  const { nodes, edges } = graph('a>b b>c c>d a>d e>a', { a: 'one', b: 'one', c: 'two', d: 'two' });
  const { positions } = layered(nodes, edges);
  expect(overlap(positions)).toEqual([]);
  const box = (ids: string[]) => ids.map((id) => positions.get(id)?.x ?? 0);
  expect(Math.max(...box(['a', 'b']))).toBeLessThan(Math.min(...box(['c', 'd'])));
  expect(Math.max(...box(['e']))).toBeLessThan(Math.min(...box(['a', 'b'])));
});

test('what is known stays where it is when more arrives and when some goes', () => {
  const before = graph('a>b b>c');
  const known = layered(before.nodes, before.edges).positions;
  const after = graph('a>b b>c a>d d>c z>a');
  const { positions } = extend(after.nodes, after.edges, known);
  for (const [id, point] of known) expect(positions.get(id)).toEqual(point);
  expect(positions.size).toBe(5);
  expect(overlap(positions)).toEqual([]);
  const fewer = graph('a>b');
  expect(extend(fewer.nodes, fewer.edges, positions).positions.get('b')).toEqual(known.get('b'));
});

test('a card that was dragged stays where it was put', () => {
  const { nodes, edges } = graph('a>b b>c');
  const known = new Map(layered(nodes, edges).positions);
  known.set('b', { x: -777, y: 321 });
  expect(extend(nodes, edges, known).positions.get('b')).toEqual({ x: -777, y: 321 });
});

test('spread keeps order and distance and is nearest to what was wanted', () => {
  expect(spread([0, 0, 0], [10, 10, 10])).toEqual([-10, 0, 10]);
  expect(spread([0, 100], [10, 10])).toEqual([0, 100]);
  expect(spread([50, 0], [10, 20])).toEqual([17.5, 32.5]);
  expect(spread([], [])).toEqual([]);
});
