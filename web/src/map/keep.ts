// SPDX-License-Identifier: Apache-2.0

import type { Point } from './layout';

const PREFIX = 'aeolus.map.';
const MOST = 600;
const MOST_MAPS = 12;

/** Where things stood at the last visit, by the way the map is grouped. */
export class Keep {
  readonly #key: string;
  readonly #points = new Map<string, Point>();

  constructor(name: string) {
    this.#key = PREFIX + name;
    try {
      const stored: unknown = JSON.parse(window.localStorage.getItem(this.#key) ?? '[]');
      if (!Array.isArray(stored)) return;
      for (const entry of stored.slice(-MOST)) {
        if (!Array.isArray(entry)) continue;
        const [id, x, y]: unknown[] = entry;
        if (typeof id === 'string' && typeof x === 'number' && typeof y === 'number') this.#points.set(id, { x, y });
      }
    } catch {
      // What cannot be read is laid out anew.
    }
  }

  get points(): ReadonlyMap<string, Point> {
    return this.#points;
  }

  put(points: Iterable<readonly [string, Point]>): void {
    for (const [id, point] of points) {
      this.#points.delete(id);
      this.#points.set(id, point);
    }
    for (const id of this.#points.keys()) {
      if (this.#points.size <= MOST) break;
      this.#points.delete(id);
    }
    this.#save();
  }

  clear(): void {
    this.#points.clear();
    this.#save();
  }

  #save(): void {
    try {
      const others = Object.keys(window.localStorage).filter((key) => key.startsWith(PREFIX) && key !== this.#key);
      for (const key of others.slice(MOST_MAPS - 1)) window.localStorage.removeItem(key);
      window.localStorage.setItem(this.#key, JSON.stringify([...this.#points].map(([id, { x, y }]) => [id, Math.round(x), Math.round(y)])));
    } catch {
      // Without storage positions last as long as the page.
    }
  }
}
