// SPDX-License-Identifier: Apache-2.0

import { expect, test } from 'vitest';
import { ago, clock, clockMillis, millis, seconds } from './time';

const plain = (text: string): string => text.replaceAll('\u202f', ' ');

test.each([
  [0, 'just now'],
  [1.9, 'just now'],
  [42, '42 s ago'],
  [119, '1 min ago'],
  [7300, '2 h ago'],
])('%d s ago reads %s', (passed, wanted) => expect(plain(ago(1_000_000_000, 1_000_000_000 + passed * 1000))).toBe(wanted));

test('a time that was not given is not now', () => {
  expect(millis(undefined)).toBeUndefined();
  expect(seconds(undefined)).toBeUndefined();
  expect([clock(undefined), clockMillis(undefined), ago(undefined, 0)]).toEqual(['–', '–', '–']);
});

test('clocks have a fixed width', () => {
  const noon = new Date(2026, 0, 2, 3, 4, 5, 6).getTime();
  expect(clock(noon)).toBe('03:04:05');
  expect(clockMillis(noon)).toBe('03:04:05.006');
  expect(millis({ $typeName: 'google.protobuf.Timestamp', seconds: 2n, nanos: 500_000_000 })).toBe(2500);
});
