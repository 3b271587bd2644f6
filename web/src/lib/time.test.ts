// SPDX-License-Identifier: Apache-2.0

import { expect, test } from 'vitest';
import { ago, clock, clockMillis, millis, parseMoment, seconds, tickLabel, ticks } from './time';

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

test('moments are read as they are typed', () => {
  const now = new Date(2026, 0, 31, 0, 10, 0).getTime();
  expect(parseMoment('now', now)).toBe('now');
  expect(parseMoment('-5m', now)).toBe(now - 300_000);
  expect(parseMoment('2 h ago', now)).toBe(now - 7_200_000);
  expect(parseMoment('00:05', now)).toBe(now - 300_000);
  // Said at ten past midnight, 23:50 was yesterday.
  expect(parseMoment('23:50', now)).toBe(new Date(2026, 0, 30, 23, 50, 0).getTime());
  expect(parseMoment('2026-01-30 12:04:31', now)).toBe(new Date(2026, 0, 30, 12, 4, 31).getTime());
  expect(parseMoment('2026-01-30T12:04:31Z', now)).toBe(Date.UTC(2026, 0, 30, 12, 4, 31));
  for (const text of ['', 'noon', '25:00', '12', '12:61']) expect(parseMoment(text, now)).toBeUndefined();
});

test('a scale has whole times, and not too many', () => {
  const to = new Date(2026, 0, 31, 12, 7, 31).getTime();
  for (const length of [900, 3600, 21_600, 86_400, 604_800]) {
    const found = ticks(to - length * 1000, to, 8);
    expect(found.length).toBeGreaterThan(2);
    expect(found.length).toBeLessThanOrEqual(9);
    for (const at of found) expect(new Date(at).getSeconds()).toBe(0);
  }
  expect(tickLabel(new Date(2026, 0, 31, 12, 5, 0).getTime())).toBe('12:05');
});
