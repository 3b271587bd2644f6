// SPDX-License-Identifier: Apache-2.0

// Browsers open at most six connections to one origin over plain HTTP, for all windows together. Windows that are looked at
// tell each other so, and when there are several each keeps one stream open and asks for the rest now and then.

const CHANNEL = 'aeolus.windows';
const EVERY = 2000;
const FORGET = 5000;

interface Word {
  from: string;
  here: boolean;
}

function isWord(value: unknown): value is Word {
  return typeof value === 'object' && value !== null && 'from' in value && typeof value.from === 'string' && 'here' in value && typeof value.here === 'boolean';
}

/** Tells whether other windows of this page are being looked at. */
export class Presence {
  readonly #name = `${Date.now()}-${Math.random()}`;
  readonly #others = new Map<string, number>();
  readonly #changed: (several: boolean) => void;
  #channel: BroadcastChannel | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;
  #several = false;

  constructor(changed: (several: boolean) => void) {
    this.#changed = changed;
  }

  get several(): boolean {
    return this.#several;
  }

  start(): void {
    if (this.#channel !== undefined || typeof BroadcastChannel === 'undefined') return;
    this.#channel = new BroadcastChannel(CHANNEL);
    this.#channel.onmessage = (event: MessageEvent<unknown>) => this.#hear(event.data);
    this.#timer = setInterval(() => this.#say(true), EVERY);
    this.#say(true);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#say(false);
    this.#channel?.close();
    this.#channel = undefined;
    this.#others.clear();
    this.#several = false;
  }

  #say(here: boolean): void {
    this.#channel?.postMessage({ from: this.#name, here } satisfies Word);
    this.#judge();
  }

  #hear(word: unknown): void {
    if (!isWord(word) || word.from === this.#name) return;
    const known = this.#others.has(word.from);
    if (word.here) this.#others.set(word.from, Date.now());
    else this.#others.delete(word.from);
    // Whoever is new learns of this window at once.
    if (word.here && !known) this.#say(true);
    this.#judge();
  }

  #judge(): void {
    for (const [name, heard] of this.#others) if (Date.now() - heard > FORGET) this.#others.delete(name);
    const several = this.#others.size > 0;
    if (several === this.#several) return;
    this.#several = several;
    this.#changed(several);
  }
}
