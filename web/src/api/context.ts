// SPDX-License-Identifier: Apache-2.0

import { createContext, useContext, useEffect, useState } from 'react';
import type { Anomaly, Gap } from '../gen/aeolus/query/v1/query_pb';
import { usePlace } from '../lib/navigation';
import { useStore } from '../lib/store';
import type { Live } from './live';

const LiveContext = createContext<Live | undefined>(undefined);

export const LiveProvider = LiveContext.Provider;

export function useLive(): Live {
  const live = useContext(LiveContext);
  if (live === undefined) throw new Error('a view was drawn outside LiveProvider');
  return live;
}

/** The controller's clock, ticking once a second. */
export function useNow(): number {
  const skew = useStore(useLive().skew);
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  return now + skew;
}

/** Asks again whenever key changes and then every so often; keeps the last answer while a newer one is under way. */
export function usePolled<T>(key: string, ask: (signal: AbortSignal) => Promise<T>, every: number): { value: T | undefined; problem: string } {
  const [state, setState] = useState<{ key: string; value: T | undefined; problem: string }>({ key, value: undefined, problem: '' });
  useEffect(() => {
    const aborting = new AbortController();
    const signal = aborting.signal;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const turn = async (): Promise<void> => {
      try {
        const value = await ask(signal);
        if (!signal.aborted) setState({ key, value, problem: '' });
      } catch (error) {
        if (!signal.aborted) setState((before) => ({ key, value: before.key === key ? before.value : undefined, problem: String(error instanceof Error ? error.message : error) }));
      }
      if (!signal.aborted) timer = setTimeout(() => void turn(), every);
    };
    void turn();
    return () => {
      aborting.abort();
      clearTimeout(timer);
    };
    // The key stands for everything that ask depends on.
  }, [key, every]);
  return state.key === key ? state : { value: undefined, problem: '' };
}

/** The anomalies of the moment that is looked at. */
export function useAnomalies(): readonly Anomaly[] | undefined {
  const live = useLive();
  const { at } = usePlace();
  const present = useStore(live.anomalies);
  const past = useStore(live.pastAnomalies);
  return at === undefined ? present : (past ?? present);
}

/** Stretches of which not everything is known, from the graph that is shown. */
export function useGaps(): readonly Gap[] {
  return useStore(useLive().graph)?.gaps ?? [];
}
