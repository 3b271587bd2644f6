// SPDX-License-Identifier: Apache-2.0

import { expect, test } from 'vitest';
import { formatPlace, HOME, parsePlace, type Place } from './place';

function parse(url: string): Place {
  const { pathname, search } = new URL(url, 'http://localhost');
  return parsePlace(pathname, search);
}

test('home is the shortest address', () => {
  expect(formatPlace(HOME)).toBe('/');
  expect(parse('/')).toEqual(HOME);
});

test('every place survives its own address', () => {
  const place: Place = {
    view: 'connections', text: 'check & out <b>', namespace: 'shop', edge: 'a>b', unhealthy: true, own: true, ended: true, failed: true,
    kinds: ['connect.refused', 'connection.reset'], focus: ['netns/shop/cart', 'x=y&z'], hops: 2, group: 'zone', inside: 'zone-a', window: 60, at: 1_763_640_000_123, zoom: 3600, open: { kind: 'edge', id: 'unit//ssh.service>a:b' }, sort: '-failed',
  };
  expect(parse(formatPlace(place))).toEqual(place);
});

test.each(['/nowhere', '/?group=colour&window=-3&at=soon&hops=99&open=ghost:1', '/?open=edge:', '/?open=edge', '/?window=NaN'])('%s falls back to what is known', (url) => {
  expect(parse(url)).toEqual(HOME);
});

test('views are paths', () => {
  expect(parse('/table').view).toBe('table');
  expect(parse('/events/').view).toBe('events');
  expect(formatPlace({ ...HOME, view: 'anomalies', open: { kind: 'anomaly', id: '7' } })).toBe('/anomalies?open=anomaly%3A7');
});
