// SPDX-License-Identifier: Apache-2.0

import { afterEach, expect, test, vi } from 'vitest';
import { Presence } from './presence';

class Channel {
  static all: Channel[] = [];
  onmessage: ((event: MessageEvent) => void) | null = null;
  constructor() {
    Channel.all.push(this);
  }
  postMessage(data: unknown): void {
    for (const other of [...Channel.all]) if (other !== this) other.onmessage?.({ data } as MessageEvent);
  }
  close(): void {
    Channel.all = Channel.all.filter((other) => other !== this);
  }
}

afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

test('two windows learn of each other at once and of the other being gone', () => {
  vi.stubGlobal('BroadcastChannel', Channel);
  vi.useFakeTimers();
  const told: boolean[] = [];
  const one = new Presence((several) => told.push(several));
  const two = new Presence(() => undefined);
  one.start();
  expect(one.several).toBe(false);
  two.start();
  expect([one.several, two.several]).toEqual([true, true]);
  two.stop();
  expect(one.several).toBe(false);
  expect(told).toEqual([true, false]);
  one.stop();
});

test('a window that falls silent is forgotten, and nonsense is not listened to', () => {
  vi.stubGlobal('BroadcastChannel', Channel);
  vi.useFakeTimers();
  const one = new Presence(() => undefined);
  one.start();
  const stranger = new Channel();
  for (const nonsense of [null, 7, 'here', { from: 1, here: true }, {}]) stranger.postMessage(nonsense);
  expect(one.several).toBe(false);
  stranger.postMessage({ from: 'stranger', here: true });
  expect(one.several).toBe(true);
  vi.advanceTimersByTime(8000);
  expect(one.several).toBe(false);
  one.stop();
  stranger.close();
});
