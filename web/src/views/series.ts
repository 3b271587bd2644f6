// SPDX-License-Identifier: Apache-2.0

import type { Series } from '../gen/aeolus/query/v1/query_pb';
import type { Unit } from '../lib/format';
import { failureWords } from '../lib/sentence';
import type { Tone, Trace } from '../parts/chart';

export interface Panel {
  title: string;
  unit: Unit;
  traces: Trace[];
}

interface Wanted {
  title: string;
  unit: Unit;
  lines: ReadonlyArray<readonly [string, string, Tone]>;
}

const PANELS: readonly Wanted[] = [
  { title: 'Connections', unit: '1/s', lines: [['opens_per_second', 'opened', '1'], ['established_per_second', 'established', '2'], ['closes_per_second', 'closed', '4']] },
  { title: 'Failures', unit: '1/s', lines: [] },
  { title: 'Payload', unit: 'bytes/s', lines: [['sent_bytes_per_second', 'sent', '1'], ['received_bytes_per_second', 'received', '2']] },
  { title: 'Round trip', unit: 's', lines: [['smoothed_rtt_seconds', 'smoothed', '1'], ['min_rtt_seconds', 'least', '4'], ['handshake_seconds', 'handshake', '3']] },
  { title: 'Retransmitted share', unit: 'ratio', lines: [['retransmit_ratio', 'of segments', 'warn']] },
  { title: 'Open connections', unit: '1', lines: [['open_connections', 'open', '1']] },
];

const FAILURE_TONES: readonly Tone[] = ['bad', 'warn', '3', '4'];

/** The charts of an edge, from what the controller knows of it. */
export function panels(series: Series): Panel[] {
  const lines = new Map(series.lines.map((line) => [line.name, line]));
  const found: Panel[] = [];
  for (const wanted of PANELS) {
    const traces: Trace[] = [];
    if (wanted.title === 'Failures') {
      const kinds = series.lines.filter((line) => line.name.startsWith('failures.') && line.values.some((value) => value > 0));
      kinds.forEach((line, index) => traces.push(trace(failureWords(line.name.slice('failures.'.length)), FAILURE_TONES[Math.min(index, 3)] ?? '4', index, line.values)));
    }
    for (const [name, words, tone] of wanted.lines) {
      const line = lines.get(name);
      if (line !== undefined && line.values.some(Number.isFinite)) traces.push(trace(words, tone, traces.length, line.values));
    }
    if (traces.length > 0) found.push({ title: wanted.title, unit: wanted.unit, traces });
  }
  return found;
}

function trace(name: string, tone: Tone, index: number, values: readonly number[]): Trace {
  return { name, tone, dash: Math.min(index, 2) as Trace['dash'], values };
}

/** Puts newer points over older ones and lets go of what is older than the oldest wanted. */
export function mergeSeries(known: Series | undefined, newer: Series, oldest: number): Series {
  if (known === undefined || newer.times.length === 0) return known === undefined || known.times.length === 0 ? newer : known;
  const from = newer.times[0] ?? 0;
  const kept = known.times.map((time, index) => ({ time, index })).filter(({ time }) => time < from && time >= oldest);
  const names = [...new Set([...known.lines, ...newer.lines].map((line) => line.name))];
  const lines = names.map((name) => {
    const before = known.lines.find((line) => line.name === name);
    const after = newer.lines.find((line) => line.name === name);
    const template = after ?? before;
    // A kind of failure that an answer does not name did not happen in its time.
    const absent = name.startsWith('failures.') ? 0 : Number.NaN;
    const values = [...kept.map(({ index }) => before?.values[index] ?? absent), ...(after?.values ?? newer.times.map(() => absent))];
    return { ...template, name, values } as Series['lines'][number];
  });
  return { ...newer, times: [...kept.map(({ time }) => time), ...newer.times], lines };
}
