// SPDX-License-Identifier: Apache-2.0

import { CARD, type Point } from './layout';

export type Side = 'left' | 'right';

/** The way of an edge: quadratic curves through control points, joined half way between two of them. */
export interface Route {
  readonly from: Point;
  readonly to: Point;
  readonly sourceSide: Side;
  readonly targetSide: Side;
  readonly controls: readonly Point[];
  readonly middle: Point;
}

const BULGE = 64;
/** How far along its step a curve begins to turn. */
const TURN = 0.36;

/** An edge leaves and arrives horizontally; bends are places between other cards that it passes through. */
export function route(source: Point, target: Point, bends: readonly Point[] = []): Route {
  const beside = Math.abs(target.x - source.x) < CARD.width;
  const backwards = target.x < source.x && !beside;
  const sourceSide: Side = backwards ? 'left' : 'right';
  const targetSide: Side = backwards || beside ? 'right' : 'left';
  const from = end(source, sourceSide);
  const to = end(target, targetSide);
  if (beside) {
    const x = Math.max(from.x, to.x) + BULGE;
    return { from, to, sourceSide, targetSide, controls: [{ x, y: from.y }, { x, y: to.y }], middle: { x, y: (from.y + to.y) / 2 } };
  }
  const passed = bends.length > 0 && !backwards ? bends : [];
  const controls: Point[] = [];
  let before = from;
  for (const bend of passed) {
    const half = CARD.width / 2;
    const entry = { x: bend.x - half, y: bend.y };
    const exit = { x: bend.x + half, y: bend.y };
    const turn = (entry.x - before.x) * TURN;
    controls.push({ x: before.x + turn, y: before.y }, { x: entry.x - turn, y: bend.y });
    // Past the cards of the column it is straight: the joint is where the column begins.
    controls.push({ x: entry.x + turn, y: bend.y });
    before = exit;
  }
  const turn = (to.x - before.x) * TURN;
  controls.push({ x: before.x + turn, y: before.y }, { x: to.x - turn, y: to.y });
  const halfway = passed[Math.floor(passed.length / 2)];
  return { from, to, sourceSide, targetSide, controls, middle: halfway ?? { x: (from.x + to.x) / 2, y: (from.y + to.y) / 2 } };
}

/** Height of the loop of a workload that calls itself, above the middle of its card. */
export const LOOP = 66;

/** The way of an edge from a workload to itself. */
export function loop(centre: Point): Route {
  const top = centre.y - CARD.height / 2;
  const [from, to] = [{ x: centre.x - 18, y: top }, { x: centre.x + 18, y: top }];
  const y = centre.y - LOOP;
  return { from, to, sourceSide: 'right', targetSide: 'right', controls: [{ x: centre.x - 30, y }, { x: centre.x + 30, y }], middle: { x: centre.x, y } };
}

function end(centre: Point, side: Side): Point {
  return { x: centre.x + (side === 'right' ? CARD.width / 2 : -CARD.width / 2), y: centre.y };
}

/** The route as an SVG path. */
export function pathOf({ from, to, controls }: Route): string {
  const parts = [`M ${from.x} ${from.y}`];
  controls.forEach((control, index) => {
    const next = controls[index + 1];
    const joint = next === undefined ? to : { x: (control.x + next.x) / 2, y: (control.y + next.y) / 2 };
    parts.push(`Q ${control.x} ${control.y} ${joint.x} ${joint.y}`);
  });
  return parts.join(' ');
}

/** Control points as the drawing library wants them: how far along the straight line, and how far beside it. */
export function relative({ from, to, controls }: Route): { weights: number[]; distances: number[] } {
  const [dx, dy] = [to.x - from.x, to.y - from.y];
  const length = Math.hypot(dx, dy) || 1;
  const weights: number[] = [];
  const distances: number[] = [];
  for (const control of controls) {
    const [cx, cy] = [control.x - from.x, control.y - from.y];
    weights.push((cx * dx + cy * dy) / (length * length));
    distances.push((cy * dx - cx * dy) / length);
  }
  return { weights, distances };
}
