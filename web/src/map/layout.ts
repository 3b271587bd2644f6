// SPDX-License-Identifier: Apache-2.0

// A small layered layout: callers left, those they call to the right. The same graph always gives the same picture.

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface LayoutNode {
  readonly id: string;
  /** Nodes of one region stay together; empty for none. */
  readonly region: string;
}

export interface LayoutEdge {
  readonly id: string;
  readonly source: string;
  readonly target: string;
}

export interface Layout {
  readonly positions: ReadonlyMap<string, Point>;
  /** Where an edge that passes other columns goes between their cards. */
  readonly bends: ReadonlyMap<string, readonly Point[]>;
}

export const CARD = { width: 172, height: 54 } as const;
const COLUMN = 272;
const ROW = 84;
/** A short column has room to breathe. */
const AIRY = { row: 112, most: 6 } as const;
/** Height that a passing edge takes in a column. */
const LANE = 40;
const SWEEPS = 12;
const DEEP = { least: 6, factor: 1.3 } as const;
const REGION = { gapX: 104, gapY: 56, padding: 28, title: 22, alone: 34 } as const;

const ALONE = '\u0000';

interface Box {
  positions: Map<string, Point>;
  bends: Map<string, Point[]>;
  width: number;
  height: number;
}

/** Lays out everything anew. Node centres are given; the first column is at x = 0. */
export function layered(nodes: readonly LayoutNode[], edges: readonly LayoutEdge[]): Layout {
  const regions = new Set(nodes.map((node) => node.region));
  if (regions.size <= 1) return pack(components(nodes, edges).map(([part, inside]) => single(part, inside)));
  // What belongs to no region stands by itself.
  return byRegion(nodes.map((node) => (node.region === '' ? { id: node.id, region: ALONE + node.id } : node)), edges);
}

/**
 * Keeps every position that is known and finds a free place for what is new: in the column right of its callers
 * (or left of those it calls), as near to them as there is room.
 */
export function extend(nodes: readonly LayoutNode[], edges: readonly LayoutEdge[], known: ReadonlyMap<string, Point>): Layout {
  const fresh = layered(nodes, edges);
  const missing = nodes.filter((node) => !known.has(node.id));
  if (missing.length === nodes.length) return fresh;
  const positions = new Map<string, Point>();
  for (const node of nodes) {
    const point = known.get(node.id);
    if (point !== undefined) positions.set(node.id, point);
  }
  for (const node of missing.sort((a, b) => compare(a.id, b.id))) positions.set(node.id, beside(node.id, edges, positions));
  // Bends were made for the fresh picture: they hold for an edge whose both ends stand as there.
  const bends = new Map<string, readonly Point[]>();
  for (const edge of edges) {
    const bend = fresh.bends.get(edge.id);
    if (bend !== undefined && same(positions.get(edge.source), fresh.positions.get(edge.source)) && same(positions.get(edge.target), fresh.positions.get(edge.target))) bends.set(edge.id, bend);
  }
  return { positions, bends };
}

function same(a: Point | undefined, b: Point | undefined): boolean {
  return a !== undefined && b !== undefined && Math.abs(a.x - b.x) < 1 && Math.abs(a.y - b.y) < 1;
}

function beside(id: string, edges: readonly LayoutEdge[], positions: ReadonlyMap<string, Point>): Point {
  const callers = edges.filter((edge) => edge.target === id).flatMap((edge) => positions.get(edge.source) ?? []);
  const called = edges.filter((edge) => edge.source === id).flatMap((edge) => positions.get(edge.target) ?? []);
  const all = [...positions.values()];
  const near = [...callers, ...called];
  const y = near.length > 0 ? near.reduce((sum, point) => sum + point.y, 0) / near.length : Math.max(...all.map((point) => point.y)) + ROW;
  const x = callers.length > 0 ? Math.max(...callers.map((point) => point.x)) + COLUMN : called.length > 0 ? Math.min(...called.map((point) => point.x)) - COLUMN : Math.min(...all.map((point) => point.x));
  const free = (candidate: number): boolean => all.every((point) => Math.abs(point.x - x) >= CARD.width + 16 || Math.abs(point.y - candidate) >= ROW - 2);
  for (let step = 0; step < 400; step++) {
    const offset = Math.ceil(step / 2) * (ROW / 2) * (step % 2 === 0 ? 1 : -1);
    if (free(y + offset)) return { x, y: y + offset };
  }
  return { x, y };
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Parts of the graph that do not touch each other, largest first. */
function components(nodes: readonly LayoutNode[], edges: readonly LayoutEdge[]): Array<[LayoutNode[], LayoutEdge[]]> {
  const leader = new Map(nodes.map((node) => [node.id, node.id]));
  const find = (id: string): string => {
    let top = id;
    for (let next = leader.get(top) ?? top; next !== top; next = leader.get(top) ?? top) top = next;
    leader.set(id, top);
    return top;
  };
  const inside = edges.filter((edge) => edge.source !== edge.target && leader.has(edge.source) && leader.has(edge.target));
  for (const edge of inside) {
    const [a, b] = [find(edge.source), find(edge.target)];
    if (a !== b) leader.set(compare(a, b) < 0 ? b : a, compare(a, b) < 0 ? a : b);
  }
  const parts = new Map<string, [LayoutNode[], LayoutEdge[]]>();
  for (const node of [...nodes].sort((a, b) => compare(a.id, b.id))) {
    const top = find(node.id);
    const part = parts.get(top) ?? [[], []];
    part[0].push(node);
    parts.set(top, part);
  }
  for (const edge of [...inside].sort((a, b) => compare(a.id, b.id))) parts.get(find(edge.source))?.[1].push(edge);
  return [...parts.values()].sort((a, b) => b[0].length - a[0].length || compare(a[0][0]?.id ?? '', b[0][0]?.id ?? ''));
}

/** One connected part: layers, order within them, then heights. */
function single(nodes: readonly LayoutNode[], edges: readonly LayoutEdge[]): Box {
  const ranks = rank(nodes, edges);
  const layers: string[][] = [];
  for (const [id, layer] of ranks) (layers[layer] ??= []).push(id);
  const { links, lanes } = thread(layers, ranks, edges);
  order(layers, links);
  const heights = settle(layers, links, lanes);
  const positions = new Map<string, Point>();
  const bends = new Map<string, Point[]>();
  const top = Math.min(...heights.values());
  layers.forEach((layer, index) => {
    for (const id of layer) {
      const point = { x: index * COLUMN, y: (heights.get(id) ?? 0) - top };
      const edge = lanes.get(id);
      if (edge === undefined) positions.set(id, point);
      else bends.set(edge, [...(bends.get(edge) ?? []), point]);
    }
  });
  return { positions, bends, width: (layers.length - 1) * COLUMN, height: Math.max(...heights.values()) - top };
}

/** Columns: each node right of its callers; edges that close a circle are left out of account; a column too tall goes on in the next. */
function rank(nodes: readonly LayoutNode[], edges: readonly LayoutEdge[]): Map<string, number> {
  const out = new Map<string, string[]>();
  const incoming = new Map<string, number>(nodes.map((node) => [node.id, 0]));
  for (const edge of edges) {
    out.set(edge.source, [...(out.get(edge.source) ?? []), edge.target]);
    incoming.set(edge.target, (incoming.get(edge.target) ?? 0) + 1);
  }
  const outgoing = (id: string): number => out.get(id)?.length ?? 0;
  const starts = [...nodes].sort((a, b) => (incoming.get(a.id) ?? 0) - outgoing(a.id) - ((incoming.get(b.id) ?? 0) - outgoing(b.id)) || compare(a.id, b.id));
  const state = new Map<string, 'open' | 'done'>();
  const finished: string[] = [];
  const forward: Array<[string, string]> = [];
  const visit = (id: string): void => {
    state.set(id, 'open');
    for (const next of out.get(id) ?? []) {
      if (state.get(next) === 'open') continue;
      forward.push([id, next]);
      if (!state.has(next)) visit(next);
    }
    state.set(id, 'done');
    finished.push(id);
  };
  for (const node of starts) if (!state.has(node.id)) visit(node.id);

  const callers = new Map<string, string[]>();
  for (const [from, to] of forward) callers.set(to, [...(callers.get(to) ?? []), from]);
  const tallest = Math.max(7, Math.ceil(Math.sqrt(nodes.length * 2)));
  const filled: number[] = [];
  const ranks = new Map<string, number>();
  for (const id of finished.reverse()) {
    let layer = Math.max(0, ...(callers.get(id) ?? []).map((caller) => (ranks.get(caller) ?? 0) + 1));
    while ((filled[layer] ?? 0) >= tallest) layer++;
    filled[layer] = (filled[layer] ?? 0) + 1;
    ranks.set(id, layer);
  }
  pullRight(finished, ranks, callers, out, filled, tallest);
  shorten(ranks, nodes.length);
  return new Map([...ranks].sort(([a], [b]) => compare(a, b)));
}

/** Where everybody calls everybody a path can be as long as there are nodes: more columns than the picture is wide are folded together. */
function shorten(ranks: Map<string, number>, nodes: number): void {
  const deepest = Math.max(...ranks.values());
  const most = Math.max(DEEP.least, Math.ceil(Math.sqrt(nodes) * DEEP.factor));
  if (deepest < most) return;
  for (const [id, layer] of ranks) ranks.set(id, Math.floor((layer * most) / (deepest + 1)));
}

/** Who is called by nobody stands right before those it calls, not far to the left of them. */
function pullRight(order: readonly string[], ranks: Map<string, number>, callers: ReadonlyMap<string, string[]>, out: ReadonlyMap<string, string[]>, filled: number[], tallest: number): void {
  for (const id of order) {
    if ((callers.get(id) ?? []).length > 0) continue;
    const own = ranks.get(id) ?? 0;
    const right = (out.get(id) ?? []).map((next) => ranks.get(next) ?? 0).filter((layer) => layer > own);
    if (right.length === 0) continue;
    const wanted = Math.min(...right) - 1;
    if (wanted <= own || (filled[wanted] ?? 0) >= tallest) continue;
    filled[own] = (filled[own] ?? 1) - 1;
    filled[wanted] = (filled[wanted] ?? 0) + 1;
    ranks.set(id, wanted);
  }
}

type Links = Map<string, { left: string[]; right: string[] }>;

/** Cuts edges that pass columns into steps from column to column. */
function thread(layers: string[][], ranks: ReadonlyMap<string, number>, edges: readonly LayoutEdge[]): { links: Links; lanes: Map<string, string> } {
  const links: Links = new Map([...ranks.keys()].map((id) => [id, { left: [], right: [] }]));
  const lanes = new Map<string, string>();
  const join = (a: string, b: string): void => {
    links.get(a)?.right.push(b);
    links.get(b)?.left.push(a);
  };
  for (const edge of edges) {
    const [from, to] = [ranks.get(edge.source) ?? 0, ranks.get(edge.target) ?? 0];
    if (to <= from) {
      if (to < from) join(edge.target, edge.source);
      continue;
    }
    let before = edge.source;
    for (let layer = from + 1; layer < to; layer++) {
      const lane = `${edge.id}\u0000${layer}`;
      lanes.set(lane, edge.id);
      links.set(lane, { left: [], right: [] });
      layers[layer]?.push(lane);
      join(before, lane);
      before = lane;
    }
    join(before, edge.target);
  }
  return { links, lanes };
}

/** Sorts each column by where its neighbours stand, to and fro, and keeps the order with the fewest crossings. */
function order(layers: string[][], links: Links): void {
  const rows = new Map<string, number>();
  const number = (layer: readonly string[]): void => layer.forEach((id, row) => rows.set(id, row));
  layers.forEach(number);
  let best = layers.map((layer) => [...layer]);
  let fewest = crossings(layers, links, rows);
  for (let sweep = 0; sweep < SWEEPS && fewest > 0; sweep++) {
    const rightwards = sweep % 2 === 0;
    const sequence = rightwards ? layers : [...layers].reverse();
    for (const layer of sequence) {
      const weight = new Map(
        layer.map((id, row) => {
          const link = links.get(id);
          const beside = (rightwards ? link?.left : link?.right) ?? [];
          return [id, beside.length === 0 ? row : beside.reduce((sum, next) => sum + (rows.get(next) ?? 0), 0) / beside.length];
        }),
      );
      layer.sort((a, b) => (weight.get(a) ?? 0) - (weight.get(b) ?? 0) || compare(a, b));
      number(layer);
    }
    const crossed = crossings(layers, links, rows);
    if (crossed < fewest) {
      fewest = crossed;
      best = layers.map((layer) => [...layer]);
    }
  }
  best.forEach((layer, index) => layers.splice(index, 1, layer));
}

function crossings(layers: readonly string[][], links: Links, rows: ReadonlyMap<string, number>): number {
  let crossed = 0;
  for (const layer of layers) {
    const ends = layer.flatMap((id) => (links.get(id)?.right ?? []).map((next) => rows.get(next) ?? 0).sort((a, b) => a - b));
    for (let i = 1; i < ends.length; i++) for (let j = 0; j < i; j++) if ((ends[j] ?? 0) > (ends[i] ?? 0)) crossed++;
  }
  return crossed;
}

/** Heights: each thing as near to the middle of its neighbours as order and distance allow. */
function settle(layers: readonly string[][], links: Links, lanes: ReadonlyMap<string, string>): Map<string, number> {
  const row = Math.max(...layers.map((layer) => layer.length)) <= AIRY.most ? AIRY.row : ROW;
  const size = (id: string): number => (lanes.has(id) ? LANE : row);
  const heights = new Map<string, number>();
  for (const layer of layers) {
    let y = 0;
    const total = layer.reduce((sum, id) => sum + size(id), 0);
    for (const id of layer) {
      heights.set(id, y + size(id) / 2 - total / 2);
      y += size(id);
    }
  }
  const passes: Array<'left' | 'right' | 'both'> = ['left', 'right', 'left', 'right', 'both', 'both', 'both'];
  for (const side of passes) {
    const sequence = side === 'right' ? [...layers].reverse() : layers;
    for (const layer of sequence) {
      const wanted = layer.map((id) => {
        const link = links.get(id);
        const beside = link === undefined ? [] : side === 'both' ? [...link.left, ...link.right] : link[side];
        return beside.length === 0 ? (heights.get(id) ?? 0) : beside.reduce((sum, next) => sum + (heights.get(next) ?? 0), 0) / beside.length;
      });
      spread(wanted, layer.map(size)).forEach((y, index) => heights.set(layer[index] ?? '', y));
    }
  }
  return heights;
}

/** The positions nearest to those wanted (by least squares) that keep the order and do not overlap. */
export function spread(wanted: readonly number[], sizes: readonly number[]): number[] {
  const offsets: number[] = [];
  sizes.forEach((size, index) => offsets.push(index === 0 ? 0 : (offsets[index - 1] ?? 0) + ((sizes[index - 1] ?? 0) + size) / 2));
  const blocks: Array<{ sum: number; count: number }> = [];
  wanted.forEach((want, index) => {
    let block = { sum: want - (offsets[index] ?? 0), count: 1 };
    for (let last = blocks.at(-1); last !== undefined && last.sum / last.count > block.sum / block.count; last = blocks.at(-1)) {
      block = { sum: last.sum + block.sum, count: last.count + block.count };
      blocks.pop();
    }
    blocks.push(block);
  });
  return blocks.flatMap((block) => Array<number>(block.count).fill(block.sum / block.count)).map((base, index) => base + (offsets[index] ?? 0));
}

/** Stands parts beside and below each other in shelves. */
function pack(boxes: readonly Box[]): Layout {
  const positions = new Map<string, Point>();
  const bends = new Map<string, Point[]>();
  const outer = boxes.map((box) => ({ box, width: box.width + COLUMN, height: box.height + ROW }));
  const area = outer.reduce((sum, { width, height }) => sum + width * height, 0);
  const limit = Math.max(...outer.map(({ width }) => width), Math.sqrt(area * 1.7), 0);
  let [x, y, shelf] = [0, 0, 0];
  for (const { box, width, height } of outer) {
    if (x > 0 && x + width > limit) [x, y, shelf] = [0, y + shelf, 0];
    move(box, x, y, positions, bends);
    x += width;
    shelf = Math.max(shelf, height);
  }
  return { positions, bends };
}

function move(box: Box, x: number, y: number, positions: Map<string, Point>, bends: Map<string, Point[]>): void {
  for (const [id, point] of box.positions) positions.set(id, { x: point.x + x, y: point.y + y });
  for (const [id, points] of box.bends) bends.set(id, points.map((point) => ({ x: point.x + x, y: point.y + y })));
}

/** Regions are laid out like nodes, by the edges between them; what is inside each is laid out on its own. */
function byRegion(nodes: readonly LayoutNode[], edges: readonly LayoutEdge[]): Layout {
  const regions = [...new Set(nodes.map((node) => node.region))].sort();
  const home = new Map(nodes.map((node) => [node.id, node.region]));
  const inner = new Map<string, Box>();
  for (const region of regions) {
    const members = nodes.filter((node) => node.region === region);
    const inside = edges.filter((edge) => home.get(edge.source) === region && home.get(edge.target) === region);
    const layout = pack(components(members, inside).map(([part, links]) => single(part, links)));
    const points = [...layout.positions.values()];
    const bends = new Map([...layout.bends].map(([id, list]) => [id, [...list]]));
    inner.set(region, { positions: new Map(layout.positions), bends, width: Math.max(...points.map((point) => point.x)), height: Math.max(...points.map((point) => point.y)) });
  }
  const between = new Map<string, LayoutEdge>();
  for (const edge of edges) {
    const [source, target] = [home.get(edge.source), home.get(edge.target)];
    if (source === undefined || target === undefined || source === target) continue;
    between.set(`${source}\u0000${target}`, { id: `${source}\u0000${target}`, source, target });
  }
  const outline = regions.map((id) => ({ id, region: '' }));
  const columns: string[][] = [];
  for (const [id, layer] of rank(outline, [...between.values()])) (columns[layer] ??= []).push(id);
  const positions = new Map<string, Point>();
  const bends = new Map<string, Point[]>();
  let x = 0;
  for (const column of columns.filter((entry) => entry !== undefined)) {
    const heightOf = (id: string): number => (inner.get(id)?.height ?? 0) + CARD.height + (id.startsWith(ALONE) ? REGION.alone : 2 * REGION.padding + REGION.title + REGION.gapY);
    let y = -column.reduce((sum, id) => sum + heightOf(id), 0) / 2;
    for (const id of column) {
      const box = inner.get(id);
      if (box !== undefined) move(box, x, y + heightOf(id) / 2 - box.height / 2, positions, bends);
      y += heightOf(id);
    }
    x += Math.max(...column.map((id) => (inner.get(id)?.width ?? 0) + (id.startsWith(ALONE) ? 0 : 2 * REGION.padding))) + CARD.width + REGION.gapX;
  }
  return { positions, bends };
}
