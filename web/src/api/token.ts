// SPDX-License-Identifier: Apache-2.0

const KEY = 'aeolus.token';

/**
 * Takes the token out of the address that `aeolus up` printed, keeps it for this origin and clears it from the address bar,
 * so that it is neither in the history nor in a copied link.
 */
export function takeToken(): string | undefined {
  const query = new URLSearchParams(window.location.search);
  const fragment = new URLSearchParams(window.location.hash.replace(/^#/, ''));
  const given = query.get('token') ?? fragment.get('token');
  if (given === null || given === '') return stored();
  query.delete('token');
  const rest = query.toString();
  window.history.replaceState(null, '', window.location.pathname + (rest === '' ? '' : `?${rest}`));
  try {
    window.localStorage.setItem(KEY, given);
  } catch {
    // Without storage the token lives as long as the page.
  }
  return given;
}

function stored(): string | undefined {
  try {
    return window.localStorage.getItem(KEY) ?? undefined;
  } catch {
    return undefined;
  }
}
