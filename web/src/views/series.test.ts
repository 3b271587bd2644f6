// SPDX-License-Identifier: Apache-2.0

import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { LineSchema, type Series, SeriesSchema } from '../gen/aeolus/query/v1/query_pb';
import { mergeSeries, panels } from './series';

function series(times: number[], lines: Record<string, number[]>): Series {
  return create(SeriesSchema, { times, lines: Object.entries(lines).map(([name, values]) => create(LineSchema, { name, unit: '1/s', values })) });
}

test('newer points replace older ones and the oldest go', () => {
  const merged = mergeSeries(series([1, 2, 3], { a: [10, 20, 30] }), series([3, 4], { a: [31, 40], b: [1, 2] }), 2);
  expect(merged.times).toEqual([2, 3, 4]);
  expect(merged.lines.find((line) => line.name === 'a')?.values).toEqual([20, 31, 40]);
  expect(merged.lines.find((line) => line.name === 'b')?.values).toEqual([Number.NaN, 1, 2]);
});

test('a kind of failure that is no longer named has stopped', () => {
  const merged = mergeSeries(series([1, 2], { 'failures.refused': [3, 4] }), series([3], { opens_per_second: [1] }), 0);
  expect(merged.lines.find((line) => line.name === 'failures.refused')?.values).toEqual([3, 4, 0]);
});

test('an empty answer takes nothing away', () => {
  expect(mergeSeries(series([1], { a: [10] }), series([], {}), 0).times).toEqual([1]);
  expect(mergeSeries(undefined, series([], {}), 0).times).toEqual([]);
});

test('charts are drawn of what is known, and failures only if there were any', () => {
  const quiet = panels(series([1, 2], { opens_per_second: [1, 2], 'failures.refused': [0, 0], smoothed_rtt_seconds: [Number.NaN, Number.NaN] }));
  expect(quiet.map((panel) => panel.title)).toEqual(['Connections']);
  const failing = panels(series([1, 2], { 'failures.refused': [0, 3], 'failures.timed-out': [1, 0] }));
  expect(failing[0]?.traces.map((trace) => trace.name)).toEqual(['refused', 'timed out']);
  expect(new Set(failing[0]?.traces.map((trace) => trace.dash)).size).toBe(2);
});
