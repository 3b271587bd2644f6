// SPDX-License-Identifier: Apache-2.0

// The drawing: Cytoscape keeps the view (pan, zoom, touch, dragging, hit tests) and draws the curves; cards and marks are
// elements of the page above it, so that their text is sharp, can be focused and follows the theme.

import cytoscape, { type Core, type EdgeSingular, type NodeSingular, type StylesheetJson } from 'cytoscape';
import type { Edge } from '../gen/aeolus/query/v1/query_pb';
import { Health } from '../gen/aeolus/query/v1/query_pb';
import { colour } from '../parts/theme';
import { type Drawn, isGroup } from './collapse';
import { Keep } from './keep';
import { CARD, extend, type Layout, layered, type LayoutNode, type Point } from './layout';
import { LOOP, loop, pathOf, relative, route, type Route } from './route';

export interface Hooks {
  open: (kind: 'node' | 'edge', id: string) => void;
  leave: () => void;
  hover: (id: string | undefined, kind: 'node' | 'edge', at: Point) => void;
  /** Positions or the view have changed. */
  moved: () => void;
}

const MOST_ZOOM_TO_FIT = 1.1;
const PADDING = 40;
const MARGIN = 24;
/** Heights of the controls above the map and of the legend below it, in pixels. */
const TOP = 44;
const BOTTOM = 24;
const LEAST_TO_REVEAL = 0.38;
/** On a phone a part that can be read is better than a whole that cannot. */
const SMALL = { width: 720, padding: 20, zoom: 0.72 } as const;
/** While the first picture fills itself it is laid out anew; later what is there stays where it is. */
const SETTLING = 15_000;

/** Width of an edge: the logarithm of its rate. */
export function widthOf(edge: Edge): number {
  const rate = edge.figures?.opensPerSecond ?? 0;
  const bytes = ((edge.figures?.sentBytesPerSecond ?? 0) + (edge.figures?.receivedBytesPerSecond ?? 0)) / 20_000;
  return Math.min(4.5, 1.25 + Math.log10(1 + Math.max(rate, bytes)) * 1.1);
}

export class Scene {
  readonly cy: Core;
  readonly #routes = new Map<string, Route>();
  readonly #hooks: Hooks;
  #keep: Keep;
  #mode = '';
  #layout: Layout = { positions: new Map(), bends: new Map() };
  #born = performance.now();
  #touched = false;
  #passing = false;
  /** The map has places from an earlier visit, which are not to be given up. */
  #visited = false;
  #drawer = false;
  #focus: readonly string[] = [];
  #drawn: Drawn | undefined;

  constructor(container: HTMLElement, hooks: Hooks) {
    this.#hooks = hooks;
    this.#keep = new Keep('');
    this.cy = cytoscape({ container, style: sheet(), minZoom: 0.15, maxZoom: 2.5, boxSelectionEnabled: false, autounselectify: true, selectionType: 'single', layout: { name: 'preset' } });
    this.#listen();
  }

  destroy(): void {
    this.cy.destroy();
  }

  recolour(): void {
    this.cy.style(sheet());
  }

  routeOf(edge: string): Route | undefined {
    return this.#routes.get(edge);
  }

  positionOf(node: string): Point | undefined {
    const found = this.cy.getElementById(node);
    return found.nonempty() ? found.position() : undefined;
  }

  /** Whether the drawer lies over the map: the whole is drawn behind it, what is chosen beside it. */
  set drawer(open: boolean) {
    this.#drawer = open;
  }

  get #right(): number {
    if (!this.#drawer || this.cy.width() <= SMALL.width) return 0;
    return document.querySelector('.drawer')?.getBoundingClientRect().width ?? 0;
  }

  /** Shows another state of the graph. What was there keeps its place; a passing view, made by a filter, leaves no trace. */
  update(drawn: Drawn, mode: string, passing: boolean): void {
    this.#passing = passing;
    const first = this.#drawn === undefined;
    if (mode !== this.#mode || first) {
      this.#mode = mode;
      this.#keep = new Keep(mode);
      this.#visited = this.#keep.points.size > 0;
      this.#touched = false;
      this.#born = performance.now();
    }
    this.#drawn = drawn;
    const changed = this.#sync(drawn);
    if (changed) {
      this.#arrange(drawn);
      if (!this.#touched) this.fit(!first);
    }
    this.#hooks.moved();
  }

  /** Lays everything out anew, dragged or not. */
  tidy(): void {
    if (this.#drawn === undefined) return;
    this.#keep.clear();
    this.#arrange(this.#drawn, true);
    this.#touched = false;
    this.fit(true);
  }

  fit(smoothly = false): void {
    const nodes = this.cy.nodes();
    if (nodes.empty()) return;
    const box = nodes.boundingBox({ includeLabels: false, includeOverlays: false });
    const top = TOP;
    const small = this.cy.width() <= SMALL.width;
    const padding = small ? SMALL.padding : PADDING;
    const [width, height] = [Math.max(120, this.cy.width() - 2 * padding), Math.max(120, this.cy.height() - top - BOTTOM - 2 * padding)];
    const fits = Math.min(MOST_ZOOM_TO_FIT, width / Math.max(1, box.w), height / Math.max(1, box.h));
    const zoom = Math.max(small ? SMALL.zoom : this.cy.minZoom(), fits);
    const pan = { x: padding + width / 2 - (box.x1 + box.w / 2) * zoom, y: top + padding + height / 2 - (box.y1 + box.h / 2) * zoom };
    if (box.w * zoom > width) pan.x = this.#aside(box, zoom, padding, width);
    this.#view(zoom, pan, smoothly && this.#focus.length === 0);
    this.focus(this.#focus);
  }

  /** Keeps these nodes in view, also when the window changes. */
  focus(ids: readonly string[]): void {
    this.#focus = ids;
    this.reveal(ids.flatMap((id) => this.positionOf(id) ?? []));
  }

  /** Where not everything fits, what is worst is seen first, else where it all begins. */
  #aside(box: { x1: number; x2: number }, zoom: number, padding: number, width: number): number {
    const worst = this.cy.edges(`[health >= ${Health.DEGRADED}]`).sort((a, b) => Number(b.data('health')) - Number(a.data('health')));
    const begin = padding - box.x1 * zoom;
    if (worst.empty()) return begin;
    const middle = ((worst[0]?.source().position().x ?? 0) + (worst[0]?.target().position().x ?? 0)) / 2;
    return Math.min(begin, Math.max(padding + width - box.x2 * zoom, padding + width / 2 - middle * zoom));
  }

  zoomBy(factor: number): void {
    this.#touched = true;
    const level = this.cy.zoom() * factor;
    this.cy.zoom({ level, renderedPosition: { x: (this.cy.width() - this.#right) / 2, y: this.cy.height() / 2 } });
  }

  /** Moves the view as little as needed for the cards at these points to be seen. */
  reveal(points: readonly Point[]): void {
    if (points.length === 0) return;
    const wide = Math.max(...points.map((point) => point.x)) - Math.min(...points.map((point) => point.x));
    const room = this.cy.width() - this.#right - 2 * MARGIN;
    const before = this.cy.zoom();
    // What does not fit beside the drawer is drawn smaller, round the same middle.
    const zoom = Math.min(before, Math.max(LEAST_TO_REVEAL, room / (wide + CARD.width)));
    const middle = { x: this.cy.width() / 2, y: this.cy.height() / 2 };
    const old = this.cy.pan();
    const pan = { x: middle.x - ((middle.x - old.x) * zoom) / before, y: middle.y - ((middle.y - old.y) * zoom) / before };
    const [half, tall] = [(CARD.width / 2) * zoom + MARGIN, (CARD.height / 2) * zoom + MARGIN];
    const [xs, ys] = [points.map((point) => point.x * zoom + pan.x), points.map((point) => point.y * zoom + pan.y)];
    const dx = shift(Math.min(...xs), Math.max(...xs), half, this.cy.width() - this.#right - half);
    const dy = shift(Math.min(...ys), Math.max(...ys), TOP + tall, this.cy.height() - tall);
    if (zoom === before && Math.abs(dx) < 1 && Math.abs(dy) < 1) return;
    this.#view(zoom, { x: pan.x + dx, y: pan.y + dy }, true);
  }

  /** Marks what is chosen and what touches it. */
  choose(kind: 'node' | 'edge' | undefined, id: string): void {
    this.cy.batch(() => {
      this.cy.elements().removeClass('chosen near');
      if (kind === undefined) return;
      const element = this.cy.getElementById(id);
      element.addClass('chosen');
      if (kind === 'node') element.connectedEdges().addClass('near');
    });
  }

  pathOf(edge: string): string | undefined {
    const found = this.#routes.get(edge);
    return found === undefined ? undefined : pathOf(found);
  }

  #view(zoom: number, pan: Point, smoothly: boolean): void {
    this.cy.stop();
    const still = window.matchMedia('(prefers-reduced-motion: reduce)').matches;
    if (smoothly && !still) this.cy.animate({ zoom, pan }, { duration: 220, easing: 'ease-out-cubic' });
    else this.cy.viewport({ zoom, pan });
  }

  /** Adds, changes and removes elements; true if nodes or edges came or went. */
  #sync(drawn: Drawn): boolean {
    let changed = false;
    const nodes = new Set(drawn.nodes.map((node) => node.id));
    const edges = drawn.edges.filter((edge) => nodes.has(edge.client) && nodes.has(edge.server));
    const known = new Set([...nodes, ...edges.map((edge) => edge.id)]);
    this.cy.batch(() => {
      this.cy.elements().forEach((element) => {
        if (known.has(element.id())) return;
        changed = true;
        this.#routes.delete(element.id());
        element.remove();
      });
      for (const node of drawn.nodes) {
        if (this.cy.getElementById(node.id).nonempty()) continue;
        changed = true;
        this.cy.add({ group: 'nodes', data: { id: node.id } });
      }
      for (const edge of edges) {
        let element = this.cy.getElementById(edge.id);
        if (element.empty()) {
          changed = true;
          element = this.cy.add({ group: 'edges', data: { id: edge.id, source: edge.client, target: edge.server } });
          if (edge.client === edge.server) element.addClass('loop');
          if (isGroup(edge.client) !== isGroup(edge.server)) element.addClass('outward');
        }
        const width = Math.round(widthOf(edge) * 4) / 4;
        if (element.data('rate') !== width) element.data('rate', width);
        if (element.data('health') !== edge.health) element.data('health', edge.health);
      }
    });
    return changed;
  }

  #arrange(drawn: Drawn, anew = false): void {
    const nodes: LayoutNode[] = drawn.nodes.map((node) => ({ id: node.id, region: drawn.regions.get(node.id) ?? '' }));
    const present = new Set(nodes.map((node) => node.id));
    const edges = drawn.edges.filter((edge) => present.has(edge.client) && present.has(edge.server)).map((edge) => ({ id: edge.id, source: edge.client, target: edge.server }));
    const settling = !this.#touched && performance.now() - this.#born < SETTLING && !this.#visited && !this.#passing;
    this.#layout = anew || settling ? layered(nodes, edges) : extend(nodes, edges, this.#keep.points);
    this.cy.batch(() => {
      for (const [id, point] of this.#layout.positions) this.cy.getElementById(id).position({ x: point.x, y: point.y });
    });
    if (!this.#passing) this.#keep.put(this.#layout.positions);
    this.#bend(this.cy.edges().toArray() as EdgeSingular[]);
  }

  #bend(edges: readonly EdgeSingular[]): void {
    this.cy.batch(() => {
      for (const edge of edges) {
        if (edge.hasClass('loop')) {
          this.#routes.set(edge.id(), loop(edge.source().position()));
          continue;
        }
        const way = route(edge.source().position(), edge.target().position(), this.#layout.bends.get(edge.id()));
        this.#routes.set(edge.id(), way);
        const { weights, distances } = relative(way);
        edge.style({
          'control-point-weights': weights,
          'control-point-distances': distances,
          'source-endpoint': way.sourceSide === 'right' ? '50% 0%' : '-50% 0%',
          'target-endpoint': way.targetSide === 'right' ? '50% 0%' : '-50% 0%',
        });
      }
    });
  }

  #listen(): void {
    const { cy } = this;
    cy.on('tap', (event) => {
      if (event.target === cy) return this.#hooks.leave();
      const element = event.target as NodeSingular | EdgeSingular;
      this.#hooks.open(element.isNode() ? 'node' : 'edge', element.id());
    });
    cy.on('mouseover', 'node, edge', (event) => {
      const element = event.target as NodeSingular | EdgeSingular;
      this.#hooks.hover(element.id(), element.isNode() ? 'node' : 'edge', event.renderedPosition);
    });
    cy.on('mousemove', 'edge', (event) => this.#hooks.hover((event.target as EdgeSingular).id(), 'edge', event.renderedPosition));
    cy.on('mouseout', 'node, edge', () => this.#hooks.hover(undefined, 'node', { x: 0, y: 0 }));
    cy.on('drag', 'node', (event) => {
      this.#touched = true;
      const node = event.target as NodeSingular;
      const bends = new Map(this.#layout.bends);
      node.connectedEdges().forEach((edge) => void bends.delete(edge.id()));
      this.#layout = { ...this.#layout, bends };
      this.#bend(node.connectedEdges().toArray() as EdgeSingular[]);
      this.#hooks.moved();
    });
    cy.on('dragfree', 'node', (event) => {
      const node = event.target as NodeSingular;
      this.#keep.put([[node.id(), { ...node.position() }]]);
    });
    cy.on('dragpan scrollzoom pinchzoom', () => {
      this.#touched = true;
    });
    cy.on('pan zoom', () => this.#hooks.moved());
    cy.on('resize', () => {
      if (cy.destroyed()) return;
      if (!this.#touched) this.fit();
      this.#hooks.moved();
    });
  }
}

/** How far a stretch has to move to lie within limits; what is too long shows its beginning. */
export function shift(low: number, high: number, least: number, most: number): number {
  if (low < least) return least - low;
  if (high > most) return Math.max(least - low, most - high);
  return 0;
}

function sheet(): StylesheetJson {
  const calm = colour('edge');
  const near = colour('edge-near');
  const accent = colour('accent');
  const [degraded, failing, quiet] = [colour('degraded'), colour('failing'), colour('quiet')];
  return [
    { selector: 'node', style: { shape: 'round-rectangle', width: CARD.width, height: CARD.height, 'background-opacity': 0, 'border-width': 0, 'overlay-opacity': 0 } },
    { selector: 'core', style: { 'active-bg-opacity': 0, 'selection-box-opacity': 0 } as never },
    {
      selector: 'edge',
      style: {
        'curve-style': 'unbundled-bezier',
        'edge-distances': 'endpoints',
        width: 'data(rate)',
        'line-color': calm,
        'target-arrow-color': calm,
        'target-arrow-shape': 'triangle',
        'arrow-scale': 0.75,
        'line-cap': 'round',
        'overlay-opacity': 0,
        'underlay-padding': 4,
        'underlay-shape': 'ellipse',
        'z-index-compare': 'manual',
        'z-index': 1,
      } as never,
    },
    // The library puts the control points of a loop 1.4 times the step from the middle, half the sweep to either side.
    { selector: 'edge.loop', style: { 'curve-style': 'bezier', 'loop-direction': '0deg', 'loop-sweep': '50deg', 'control-point-step-size': LOOP / 1.4 / Math.cos((25 * Math.PI) / 180) } },
    { selector: `edge[health = ${Health.QUIET}]`, style: { 'line-style': 'dotted', 'line-color': quiet, 'target-arrow-color': quiet } },
    { selector: 'edge.outward', style: { opacity: 0.4 } },
    { selector: 'edge.near', style: { 'line-color': near, 'target-arrow-color': near, 'z-index': 5, opacity: 1 } },
    { selector: `edge[health = ${Health.DEGRADED}]`, style: { 'line-style': 'dashed', 'line-dash-pattern': [9, 6], 'line-color': degraded, 'target-arrow-color': degraded, 'z-index': 10, width: 3, opacity: 1 } as never },
    { selector: `edge[health = ${Health.FAILING}]`, style: { 'line-color': failing, 'target-arrow-color': failing, width: 5, 'z-index': 20, opacity: 1 } },
    { selector: 'edge.chosen', style: { 'underlay-color': accent, 'underlay-opacity': 0.28, 'underlay-padding': 5, 'z-index': 30 } },
    { selector: `edge.chosen[health < ${Health.DEGRADED}]`, style: { 'line-color': accent, 'target-arrow-color': accent } },
  ];
}
