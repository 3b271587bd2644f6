// SPDX-License-Identifier: Apache-2.0

import { Code, ConnectError } from '@connectrpc/connect';

/** How a stream is doing. */
export type Condition =
  | { state: 'connecting' }
  | { state: 'live' }
  | { state: 'reconnecting'; since: number; reason: string }
  | { state: 'denied'; reason: string };

export interface Following<T> {
  open: (signal: AbortSignal) => AsyncIterable<T>;
  /** first is true for the first message of each connection, which replaces what was known. */
  message: (message: T, first: boolean) => void;
  condition?: (condition: Condition) => void;
  signal: AbortSignal;
}

const FIRST_DELAY = 250;
const LAST_DELAY = 5000;

/** Reads a stream for as long as the signal allows, opening it anew whenever it ends. */
export async function follow<T>({ open, message, condition, signal }: Following<T>): Promise<void> {
  let delay = FIRST_DELAY;
  let since: number | undefined;
  const broken = (reason: string): void => {
    since ??= Date.now();
    condition?.({ state: 'reconnecting', since, reason });
  };
  while (!signal.aborted) {
    try {
      let first = true;
      for await (const received of open(signal)) {
        if (signal.aborted) return;
        if (first) condition?.({ state: 'live' });
        message(received, first);
        first = false;
        delay = FIRST_DELAY;
        since = undefined;
      }
      if (signal.aborted) return;
      broken('the controller ended the stream');
    } catch (error) {
      if (signal.aborted) return;
      const problem = ConnectError.from(error);
      if (problem.code === Code.Unauthenticated || problem.code === Code.PermissionDenied) {
        condition?.({ state: 'denied', reason: problem.rawMessage });
        delay = LAST_DELAY;
      } else {
        broken(problem.rawMessage);
      }
    }
    await pause(delay, signal);
    delay = Math.min(delay * 2, LAST_DELAY);
  }
}

/** Waits, but not longer than the signal allows. */
export function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const timer = setTimeout(done, milliseconds);
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    }
    signal.addEventListener('abort', done);
  });
}
