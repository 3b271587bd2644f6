// SPDX-License-Identifier: Apache-2.0

import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError } from '@connectrpc/connect';
import { expect, test } from 'vitest';
import { type Anomaly, AnomalySchema, Health } from '../gen/aeolus/query/v1/query_pb';
import { type Condition, follow } from './follow';
import { mergeAnomalies } from './live';

test('a stream that breaks is opened anew and its first message is marked', async () => {
  const aborting = new AbortController();
  const seen: Array<[number, boolean]> = [];
  const states: Condition['state'][] = [];
  let opened = 0;
  await follow<number>({
    async *open() {
      opened++;
      yield opened * 10;
      yield opened * 10 + 1;
      if (opened === 1) throw new ConnectError('gone', Code.Unavailable);
      aborting.abort();
    },
    message: (message, first) => seen.push([message, first]),
    condition: (condition) => states.push(condition.state),
    signal: aborting.signal,
  });
  expect(seen).toEqual([[10, true], [11, false], [20, true], [21, false]]);
  expect(states).toEqual(['live', 'reconnecting', 'live']);
});

test('a missing token is told apart from a controller that is gone', async () => {
  const aborting = new AbortController();
  const states: Condition['state'][] = [];
  await follow<number>({
    async *open() {
      throw new ConnectError('no token', Code.Unauthenticated);
    },
    message: () => undefined,
    condition: (condition) => {
      states.push(condition.state);
      aborting.abort();
    },
    signal: aborting.signal,
  });
  expect(states).toEqual(['denied']);
});

test('what lasts comes first, worst first; what changed replaces what was known', () => {
  const anomaly = (id: string, severity: Health, opened: number, closed?: number): Anomaly => create(AnomalySchema, { id, severity, opened: timestampFromMs(opened), ...(closed === undefined ? {} : { closed: timestampFromMs(closed) }) });
  const known = mergeAnomalies([], [anomaly('a', Health.DEGRADED, 1), anomaly('b', Health.FAILING, 2), anomaly('c', Health.FAILING, 3, 4)]);
  expect(known.map(({ id }) => id)).toEqual(['b', 'a', 'c']);
  expect(mergeAnomalies(known, [anomaly('b', Health.FAILING, 2, 9)]).map(({ id }) => id)).toEqual(['a', 'b', 'c']);
});
