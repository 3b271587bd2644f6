// SPDX-License-Identifier: Apache-2.0

import { describe, expect, test } from 'vitest';
import { bytes, bytesPerSecond, count, duration, plural, rate, ratio, significant, span, withUnit } from './format';

/** Numbers are written with a narrow space that does not break. */
const plain = (text: string): string => text.replaceAll('\u202f', ' ');

describe('numbers', () => {
  test.each([
    [0, '0'],
    [1, '1'],
    [1.234, '1.23'],
    [99.96, '100'],
    [0.00012345, '0.000123'],
    [12.0, '12'],
    [-3.456, '-3.46'],
  ])('%d has three significant digits: %s', (value, wanted) => expect(significant(value)).toBe(wanted));

  test.each([
    [0.0012, '1.2 ms'],
    [0.000_39, '390 µs'],
    [4.1e-8, '41 ns'],
    [0, '0 s'],
    [1.5, '1.5 s'],
    [0.9996, '1 s'],
    [0.000_999_9, '1 ms'],
    [125, '2 min 5 s'],
    [undefined, '–'],
    [Number.NaN, '–'],
  ])('%d seconds read %s', (value, wanted) => expect(plain(duration(value))).toBe(wanted));

  test.each([
    [0, '0 s'],
    [59.6, '1 min'],
    [3600, '1 h'],
    [3661, '1 h 1 min'],
    [90_000, '1 d 1 h'],
    [-4, '0 s'],
  ])('a span of %d s is %s', (value, wanted) => expect(plain(span(value))).toBe(wanted));

  test('rates, bytes and counts carry SI units', () => {
    expect(plain(rate(3400))).toBe('3.4 k/s');
    expect(plain(rate(0))).toBe('0 /s');
    expect(plain(rate(999.7))).toBe('1 k/s');
    expect(plain(bytes(56_000_000n))).toBe('56 MB');
    expect(plain(bytesPerSecond(1_250_000_000))).toBe('1.25 GB/s');
    expect(plain(count(214))).toBe('214');
    expect(plain(count(21_400))).toBe('21.4 k');
  });

  test('what is not known is a dash and never 0', () => {
    for (const format of [rate, bytes, bytesPerSecond, count, duration, ratio]) expect(format(undefined)).toBe('–');
    for (const unit of ['bytes/s', 'bytes', '1/s', 's', 'ratio', '1', 'furlongs']) expect(withUnit(undefined, unit)).toBe('–');
  });

  test.each([
    [0.94, '94 %'],
    [1, '100 %'],
    [0.9999, '> 99.9 %'],
    [0.000_1, '0.01 %'],
    [0.000_000_1, '< 0.001 %'],
    [0, '0 %'],
    [0.0312, '3.12 %'],
  ])('the share %d reads %s', (value, wanted) => expect(plain(ratio(value))).toBe(wanted));

  test('one and many', () => {
    expect(plural(1, 'edge')).toBe('1 edge');
    expect(plural(0, 'anomaly', 'anomalies')).toBe('0 anomalies');
  });
});
