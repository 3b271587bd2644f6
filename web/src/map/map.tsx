// SPDX-License-Identifier: Apache-2.0

import { type KeyboardEvent, type ReactElement, useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from 'react';
import { useLive } from '../api/context';
import type { Edge, Node } from '../gen/aeolus/query/v1/query_pb';
import { Health } from '../gen/aeolus/query/v1/query_pb';
import { count, rate, span } from '../lib/format';
import { healthName, HEALTH_WORDS } from '../lib/health';
import { go, usePlace } from '../lib/navigation';
import { edgeSentence, failuresInWindow, nodeDetail } from '../lib/sentence';
import { useStore } from '../lib/store';
import { seconds } from '../lib/time';
import { HealthIcon } from '../parts/icons';
import { calm, onColours } from '../parts/theme';
import { draw, type Drawn, groupName, isGroup, isRest } from './collapse';
import type { Point } from './layout';
import { CARD } from './layout';
import { Legend } from './legend';
import { Scene } from './scene';
import { Tools } from './tools';
import { neighbour, type Spot } from './walk';

const PULSE = 900;
/** Below this zoom a card says its name alone. */
const FAR = 0.6;

interface Hover {
  kind: 'node' | 'edge';
  id: string;
  at: Point;
}

/** The live map. */
export default function MapView(): ReactElement {
  const live = useLive();
  const place = usePlace();
  const graph = useStore(live.graph);
  const canvas = useRef<HTMLDivElement>(null);
  const under = useRef<HTMLDivElement>(null);
  const over = useRef<HTMLDivElement>(null);
  const frame = useRef<HTMLDivElement>(null);
  const scene = useRef<Scene>(undefined);
  const [hover, setHover] = useState<Hover>();
  const [spot, setSpot] = useState<Spot>();
  const drawn = useMemo(() => (graph === undefined ? undefined : draw(graph, place.group, place.inside)), [graph, place.group, place.inside]);
  const latest = useRef(drawn);
  latest.current = drawn;
  const window = seconds(graph?.window) ?? place.window;

  const moved = useCallback((): void => {
    const current = scene.current;
    if (current === undefined || over.current === null || under.current === null || frame.current === null) return;
    const { x, y } = current.cy.pan();
    const zoom = current.cy.zoom();
    for (const layer of [over.current, under.current]) layer.style.transform = `translate(${x}px, ${y}px) scale(${zoom})`;
    frame.current.classList.toggle('far', zoom < FAR);
    stand(over.current, under.current, current);
  }, []);

  useLayoutEffect(() => {
    if (canvas.current === null) return;
    const made = new Scene(canvas.current, {
      open: (kind, id) => {
        setHover(undefined);
        openElement(kind, id, latest.current);
      },
      leave: () => go({ open: undefined }),
      hover: (id, kind, at) => setHover(id === undefined ? undefined : { id, kind, at }),
      moved,
    });
    scene.current = made;
    const stop = onColours(() => made.recolour());
    return () => {
      stop();
      made.destroy();
      scene.current = undefined;
    };
  }, [moved]);

  const chosen = place.open;
  const drawer = chosen !== undefined;
  const passing = place.text !== '' || place.namespace !== '' || place.unhealthy || place.at !== undefined;
  const mode = drawn === undefined ? '' : `${place.group}${drawn.collapsed ? `/${place.inside}` : ''}${place.focus.length > 0 ? `/${place.focus.join(' ')}` : ''}`;

  useLayoutEffect(() => {
    if (scene.current === undefined || drawn === undefined) return;
    scene.current.drawer = drawer;
    scene.current.update(drawn, mode, passing);
  }, [drawn, drawer, mode, passing]);

  const chosenEdge = chosen?.kind === 'anomaly' ? live.anomalies.get()?.find((anomaly) => anomaly.id === chosen.id)?.edgeId : chosen?.kind === 'edge' ? chosen.id : undefined;
  const chosenDrawn = chosen === undefined ? undefined : chosen.kind === 'node' ? chosen.id : chosenEdge === undefined ? undefined : drawn?.drawnAs.get(chosenEdge);
  const chosenKind = chosen?.kind === 'node' ? 'node' : 'edge';
  useEffect(() => {
    const current = scene.current;
    if (current === undefined) return;
    const marked: Hover | undefined = chosenDrawn !== undefined ? { kind: chosenKind, id: chosenDrawn, at: { x: 0, y: 0 } } : hover;
    current.choose(marked?.kind, marked?.id ?? '');
  }, [chosenDrawn, chosenKind, hover, drawn]);

  useEffect(() => {
    const current = scene.current;
    if (current === undefined) return;
    if (chosenDrawn === undefined) return current.focus([]);
    const edge = chosenKind === 'edge' ? latest.current?.edges.find((candidate) => candidate.id === chosenDrawn) : undefined;
    const ends = edge === undefined ? [chosenDrawn] : [edge.client, edge.server];
    current.focus(ends);
  }, [chosenDrawn, chosenKind]);

  useEffect(
    () =>
      live.onPulse((edge) => {
        const id = latest.current?.drawnAs.get(edge);
        const path = id === undefined ? undefined : scene.current?.pathOf(id);
        if (path !== undefined && id !== undefined && over.current !== null) pulse(over.current, id, path);
      }),
    [live],
  );

  useEffect(() => {
    const keys = (event: globalThis.KeyboardEvent): void => {
      if (event.ctrlKey || event.metaKey || event.altKey || (event.target instanceof HTMLElement && event.target.matches('input, select, textarea'))) return;
      const current = scene.current;
      if (current === undefined) return;
      if (event.key === '+' || event.key === '=') current.zoomBy(1.25);
      else if (event.key === '-') current.zoomBy(0.8);
      else if (event.key === '0') current.fit(true);
    };
    document.addEventListener('keydown', keys);
    return () => document.removeEventListener('keydown', keys);
  }, []);

  const walk = (event: KeyboardEvent): void => {
    const direction = ({ ArrowLeft: 'left', ArrowRight: 'right', ArrowUp: 'up', ArrowDown: 'down' } as const)[event.key];
    const current = scene.current;
    if (direction === undefined || current === undefined || drawn === undefined) return;
    event.preventDefault();
    const next = neighbour(drawn, (id) => current.positionOf(id), spot, direction);
    if (next === undefined) return;
    setSpot(next);
    const element = find(over.current, next.kind, next.id);
    element?.focus({ preventScroll: true });
    const point = next.kind === 'node' ? current.positionOf(next.id) : current.routeOf(next.id)?.middle;
    if (point !== undefined) current.reveal([point]);
  };

  const near = useMemo(() => nearTo(drawn, chosenDrawn !== undefined ? { kind: chosenKind, id: chosenDrawn } : hover), [drawn, chosenDrawn, chosenKind, hover]);
  const first = spot === undefined || drawn === undefined ? drawn?.nodes[0]?.id : spot.id;
  const hovered = hover?.kind === 'edge' ? drawn?.edges.find((edge) => edge.id === hover.id) : undefined;

  return (
    <div ref={frame} className={chosenDrawn !== undefined && near.size > 0 ? 'map dims' : 'map'} role="application" aria-roledescription="map" aria-label={drawn === undefined ? 'Map' : `Map of ${drawn.nodes.length} workloads and ${drawn.edges.length} edges. Arrows move along edges.`} onKeyDown={walk}>
      <div ref={under} className="map-layer" aria-hidden="true">
        {drawn !== undefined && <Regions drawn={drawn} />}
      </div>
      <div ref={canvas} className="map-canvas" aria-hidden="true" />
      <div ref={over} className="map-layer">
        {drawn?.edges.map((edge) => (
          <Mark key={edge.id} edge={edge} window={window} tab={first === edge.id} focused={() => setSpot({ kind: 'edge', id: edge.id })} open={() => openElement('edge', edge.id, drawn)} />
        ))}
        {drawn?.nodes.map((node) => (
          <Card key={node.id} node={node} chosen={chosenDrawn === node.id} near={near.has(node.id)} tab={first === node.id} focused={() => setSpot({ kind: 'node', id: node.id })} open={() => openElement('node', node.id, drawn)} />
        ))}
      </div>
      {hovered !== undefined && hover !== undefined && <Tip edge={hovered} window={window} at={hover.at} frame={frame.current} />}
      <Tools place={place} drawn={drawn} scene={scene} hidden={graph?.hiddenNodes ?? 0} />
      <Legend />
    </div>
  );
}

function openElement(kind: 'node' | 'edge', id: string, drawn: Drawn | undefined): void {
  if (kind === 'node') {
    if (isGroup(id)) go({ inside: groupName(id), open: undefined });
    else if (drawn?.nodes.find((node) => node.id === id)?.kind === 'group' && !isRest(id)) go({ namespace: drawn.nodes.find((node) => node.id === id)?.name ?? '', inside: '', open: undefined });
    else if (!isRest(id)) go({ open: { kind, id } });
    return;
  }
  const edge = drawn?.edges.find((candidate) => candidate.id === id);
  if (edge === undefined) return;
  if (!id.startsWith('bundle:')) return go({ open: { kind, id } });
  // A bundle is opened at the group it leads to, where its single edges can be told apart.
  const group = [edge.server, edge.client].find(isGroup);
  if (group !== undefined) go({ inside: groupName(group), open: undefined });
}

function find(layer: HTMLElement | null, kind: string, id: string): HTMLElement | null {
  return layer?.querySelector<HTMLElement>(`[data-${kind}="${CSS.escape(id)}"]`) ?? null;
}

/** Puts cards, marks and regions where the scene says. */
function stand(over: HTMLElement, under: HTMLElement, scene: Scene): void {
  const regions = new Map<string, { left: number; top: number; right: number; bottom: number }>();
  for (const card of over.querySelectorAll<HTMLElement>('.card')) {
    const point = scene.positionOf(card.dataset['node'] ?? '');
    if (point === undefined) continue;
    card.style.transform = `translate(${point.x}px, ${point.y}px)`;
  }
  for (const mark of over.querySelectorAll<HTMLElement>('.mark')) {
    const middle = scene.routeOf(mark.dataset['edge'] ?? '')?.middle;
    if (middle !== undefined) mark.style.transform = `translate(${middle.x}px, ${middle.y}px) scale(var(--mark, 1))`;
  }
  for (const region of under.querySelectorAll<HTMLElement>('.region')) {
    const members = (region.dataset['members'] ?? '').split('\u0000');
    for (const id of members) {
      const point = scene.positionOf(id);
      if (point === undefined) continue;
      const box = regions.get(region.dataset['region'] ?? '') ?? { left: point.x, top: point.y, right: point.x, bottom: point.y };
      regions.set(region.dataset['region'] ?? '', { left: Math.min(box.left, point.x), top: Math.min(box.top, point.y), right: Math.max(box.right, point.x), bottom: Math.max(box.bottom, point.y) });
    }
    const box = regions.get(region.dataset['region'] ?? '');
    if (box === undefined) continue;
    const pad = 24;
    region.style.left = `${box.left - CARD.width / 2 - pad}px`;
    region.style.top = `${box.top - CARD.height / 2 - pad - 16}px`;
    region.style.width = `${box.right - box.left + CARD.width + 2 * pad}px`;
    region.style.height = `${box.bottom - box.top + CARD.height + 2 * pad + 16}px`;
  }
}

/** One dot, once, from caller to callee. */
function pulse(layer: HTMLElement, edge: string, path: string): void {
  if (calm() || layer.querySelector(`.pulse[data-pulse="${CSS.escape(edge)}"]`) !== null) return;
  const dot = document.createElement('span');
  dot.className = 'pulse';
  dot.dataset['pulse'] = edge;
  dot.style.offsetPath = `path('${path}')`;
  layer.append(dot);
  const moving = dot.animate(
    [
      { offsetDistance: '0%', opacity: 0 },
      { opacity: 0.9, offset: 0.15 },
      { opacity: 0.9, offset: 0.85 },
      { offsetDistance: '100%', opacity: 0 },
    ],
    { duration: PULSE, easing: 'cubic-bezier(0.4, 0, 0.3, 1)' },
  );
  const end = (): void => dot.remove();
  moving.finished.then(end, end);
}

function nearTo(drawn: Drawn | undefined, element: { kind: string; id: string } | undefined): ReadonlySet<string> {
  const near = new Set<string>();
  if (drawn === undefined || element === undefined) return near;
  for (const edge of drawn.edges) {
    if (element.kind === 'edge' ? edge.id === element.id : edge.client === element.id || edge.server === element.id) near.add(edge.client).add(edge.server);
  }
  return near;
}

interface CardProps {
  node: Node;
  chosen: boolean;
  near: boolean;
  tab: boolean;
  focused: () => void;
  open: () => void;
}

function Card({ node, chosen, near, tab, focused, open }: CardProps): ReactElement {
  const health = healthName(node.health);
  const wrong = node.health >= Health.DEGRADED;
  const classes = ['card', node.external ? 'external' : '', node.kind === 'group' ? 'group' : '', wrong ? `health-${health}` : '', chosen ? 'chosen' : '', near ? 'near' : ''];
  return (
    <button className={classes.filter((name) => name !== '').join(' ')} data-node={node.id} tabIndex={tab ? 0 : -1} onFocus={focused} onClick={open} aria-label={`${node.name}, ${nodeDetail(node)}, ${HEALTH_WORDS[health]}`}>
      <b>
        <span>{node.name}</span>
        {wrong && <HealthIcon health={health} label={false} />}
      </b>
      <small>{nodeDetail(node)}</small>
    </button>
  );
}

interface MarkProps {
  edge: Edge;
  window: number;
  tab: boolean;
  focused: () => void;
  open: () => void;
}

function Mark({ edge, window, tab, focused, open }: MarkProps): ReactElement {
  const health = healthName(edge.health);
  const failures = failuresInWindow(edge, window);
  const words = `${edge.clientName} to ${edge.serverName}: ${edge.summary === '' ? HEALTH_WORDS[health] : edge.summary}`;
  const shown = edge.health === Health.FAILING ? count(Math.max(failures, edge.anomalyIds.length)) : '';
  return (
    <button className={`mark ${edge.health >= Health.DEGRADED && shown !== '' ? health : ''}`} data-edge={edge.id} data-health={health} tabIndex={tab ? 0 : -1} onFocus={focused} onClick={open} aria-label={words} title={shown === '' ? undefined : `${shown} failed in ${span(window)}`}>
      {shown}
    </button>
  );
}

function Regions({ drawn }: { drawn: Drawn }): ReactElement[] {
  const members = new Map<string, string[]>();
  for (const [id, region] of drawn.regions) if (region !== '') members.set(region, [...(members.get(region) ?? []), id]);
  return [...members].map(([region, ids]) => (
    <div key={region} className="region" data-region={region} data-members={ids.join('\u0000')}>
      <span>{region}</span>
    </div>
  ));
}

function Tip({ edge, window, at, frame }: { edge: Edge; window: number; at: Point; frame: HTMLElement | null }): ReactElement {
  const [width, height] = [frame?.clientWidth ?? 0, frame?.clientHeight ?? 0];
  const left = Math.min(at.x + 14, width - 330);
  const top = at.y + 90 > height ? at.y - 84 : at.y + 16;
  return (
    <div className="map-tip" role="tooltip" style={{ transform: `translate(${left}px, ${top}px)` }}>
      <b>
        {edge.clientName} → {edge.serverName}
      </b>
      <div className="secondary">{edge.id.startsWith('bundle:') ? `${edge.summary}, ${rate(edge.figures?.opensPerSecond)}` : edgeSentence(edge, window)}</div>
    </div>
  );
}
