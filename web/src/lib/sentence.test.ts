// SPDX-License-Identifier: Apache-2.0

import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { EdgeSchema, type Figures, FiguresSchema, Health } from '../gen/aeolus/query/v1/query_pb';
import { edgeSentence, failuresInWindow, failuresPerSecond, unknownReason } from './sentence';

function edge(figures: MessageInitShape<typeof FiguresSchema>, rest: { health?: Health; summary?: string; reporter?: string } = {}) {
  return create(EdgeSchema, { clientName: 'cart', serverName: 'store', figures: create(FiguresSchema, figures), ...rest });
}

const plain = (text: string): string => text.replaceAll('\u202f', ' ');

test('what is wrong is said as the controller says it', () => {
  expect(edgeSentence(edge({}, { summary: 'store refuses 94 % of cart\'s connects' }), 10)).toBe('store refuses 94 % of cart\'s connects');
});

test.each<[MessageInitShape<typeof FiguresSchema>, string]>([
  [{ opensPerSecond: 12, failureRatio: 0, sentBytesPerSecond: 9000 }, 'cart opens 12 connections a second to store, none failed and sends 9 kB/s, in the last 10 s.'],
  [{ opensPerSecond: 2, failureRatio: 0.25 }, 'cart opens 2 connections a second to store, 25 % of them failed, in the last 10 s.'],
  [{ openConnections: 3n }, 'cart keeps 3 connections open to store, in the last 10 s.'],
  [{}, 'cart talks to store; nothing moved in the last 10 s.'],
])('figures %# are a sentence', (figures, wanted) => expect(plain(edgeSentence(edge(figures), 10))).toBe(wanted));

test('failures that are not known are not none', () => {
  const of = (figures: MessageInitShape<typeof FiguresSchema>): number | undefined => failuresPerSecond(create(FiguresSchema, figures) as Figures);
  expect(of({})).toBeUndefined();
  expect(of({ failureRatio: 0 })).toBe(0);
  expect(of({ failuresPerSecond: { refused: 2, reset: 0.5 } })).toBe(2.5);
  expect(failuresInWindow(edge({ failuresPerSecond: { refused: 2.96 } }), 10)).toBe(30);
});

test('a dash has a reason', () => {
  expect(unknownReason('failureRatio', edge({}, { reporter: 'server' }))).toContain('known to the client alone');
  expect(unknownReason('smoothedRttSeconds', edge({}))).toContain('round-trip');
});
