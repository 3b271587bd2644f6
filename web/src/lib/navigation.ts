// SPDX-License-Identifier: Apache-2.0

import { useSyncExternalStore } from 'react';
import { formatPlace, HOME, parsePlace, type Place } from './place';

const CHANGED = 'aeolus:place';

let known = { url: '', place: HOME };

/** The place that the address bar says; the same object while the address is the same. */
export function currentPlace(): Place {
  const url = window.location.pathname + window.location.search;
  if (url !== known.url) known = { url, place: parsePlace(window.location.pathname, window.location.search) };
  return known.place;
}

function subscribe(listener: () => void): () => void {
  window.addEventListener('popstate', listener);
  window.addEventListener(CHANGED, listener);
  return () => {
    window.removeEventListener('popstate', listener);
    window.removeEventListener(CHANGED, listener);
  };
}

export function usePlace(): Place {
  return useSyncExternalStore(subscribe, currentPlace);
}

/** Goes somewhere. Typing replaces the entry in the history; everything else adds one. */
export function go(change: Partial<Place>, how: 'push' | 'replace' = 'push'): void {
  const url = formatPlace({ ...currentPlace(), ...change });
  if (url === window.location.pathname + window.location.search) return;
  if (how === 'push') window.history.pushState(null, '', url);
  else window.history.replaceState(null, '', url);
  window.dispatchEvent(new Event(CHANGED));
}

/** The address of a place relative to the current one, for links that can be opened in another tab. */
export function href(change: Partial<Place>): string {
  return formatPlace({ ...currentPlace(), ...change });
}
