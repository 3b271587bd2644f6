// SPDX-License-Identifier: Apache-2.0

import { Store } from '../lib/store';

export type Theme = 'system' | 'dark' | 'light';
export const THEMES: readonly Theme[] = ['system', 'dark', 'light'];

const KEY = 'aeolus.theme';

function chosen(): Theme {
  const set = document.documentElement.dataset['theme'];
  return set === 'dark' || set === 'light' ? set : 'system';
}

/** The theme that was chosen; theme.js has read it before the first paint. */
export const theme = new Store<Theme>(chosen());

export function choose(next: Theme): void {
  if (next === 'system') delete document.documentElement.dataset['theme'];
  else document.documentElement.dataset['theme'] = next;
  try {
    if (next === 'system') window.localStorage.removeItem(KEY);
    else window.localStorage.setItem(KEY, next);
  } catch {
    // Without storage the choice lasts as long as the page.
  }
  theme.set(next);
}

/** Calls back when the colours change, by choice or because the system's did; returns how to stop. */
export function onColours(listener: () => void): () => void {
  const system = window.matchMedia('(prefers-color-scheme: dark)');
  const stop = theme.subscribe(listener);
  system.addEventListener('change', listener);
  return () => {
    stop();
    system.removeEventListener('change', listener);
  };
}

export function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

export function calm(): boolean {
  return window.matchMedia('(prefers-reduced-motion: reduce)').matches;
}
