// SPDX-License-Identifier: Apache-2.0

import { expect, test } from 'vitest';
import { CARD } from './layout';
import { LOOP, loop, pathOf, relative, route } from './route';

test('an edge leaves to the right and arrives from the left', () => {
  const way = route({ x: 0, y: 0 }, { x: 300, y: 80 });
  expect(way.from).toEqual({ x: CARD.width / 2, y: 0 });
  expect(way.to).toEqual({ x: 300 - CARD.width / 2, y: 80 });
  expect(way.controls.at(0)?.y).toBe(0);
  expect(way.controls.at(-1)?.y).toBe(80);
  expect(way.middle).toEqual({ x: 150, y: 40 });
});

test('an edge back leaves to the left', () => {
  const way = route({ x: 300, y: 0 }, { x: 0, y: 0 });
  expect([way.sourceSide, way.targetSide]).toEqual(['left', 'right']);
});

test('within a column it goes round the right side', () => {
  const way = route({ x: 0, y: 0 }, { x: 0, y: 100 });
  expect([way.sourceSide, way.targetSide]).toEqual(['right', 'right']);
  expect(way.controls.every((control) => control.x > CARD.width / 2)).toBe(true);
});

test('a workload that calls itself has a loop above its card', () => {
  const way = loop({ x: 40, y: 100 });
  expect(way.middle).toEqual({ x: 40, y: 100 - LOOP });
  expect(LOOP).toBeGreaterThan(CARD.height / 2);
});

test('it goes through its bends', () => {
  const way = route({ x: 0, y: 0 }, { x: 600, y: 0 }, [{ x: 300, y: 120 }]);
  expect(way.middle).toEqual({ x: 300, y: 120 });
  expect(pathOf(way)).toContain(' 120');
});

test('relative points give the absolute ones back', () => {
  const way = route({ x: 10, y: 20 }, { x: 500, y: -130 }, [{ x: 250, y: 60 }]);
  const { weights, distances } = relative(way);
  const [dx, dy] = [way.to.x - way.from.x, way.to.y - way.from.y];
  const length = Math.hypot(dx, dy);
  way.controls.forEach((control, index) => {
    const [w, d] = [weights[index] ?? 0, distances[index] ?? 0];
    expect(way.from.x + dx * w - (dy / length) * d).toBeCloseTo(control.x, 6);
    expect(way.from.y + dy * w + (dx / length) * d).toBeCloseTo(control.y, 6);
  });
});
