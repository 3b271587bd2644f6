// SPDX-License-Identifier: Apache-2.0

// Numbers as a person reads them: two or three significant digits, always with a unit, never a 0 that is only unknown.

export const UNKNOWN = '–';

/** The units that series, figures and evidence use on the wire. */
export type Unit = 'bytes/s' | 'bytes' | '1/s' | 's' | 'ratio' | '1' | string;

const NARROW_SPACE = '\u202f';

const LARGE: ReadonlyArray<readonly [number, string]> = [
  [1e12, 'T'],
  [1e9, 'G'],
  [1e6, 'M'],
  [1e3, 'k'],
];

/** Three significant digits at most, without trailing zeros and without an exponent. */
export function significant(value: number, digits = 3): string {
  if (value === 0) return '0';
  const rounded = Number(value.toPrecision(digits));
  const magnitude = Math.floor(Math.log10(Math.abs(rounded)));
  const decimals = Math.max(0, digits - 1 - magnitude);
  return trimZeros(rounded.toFixed(Math.min(decimals, 12)));
}

function trimZeros(text: string): string {
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}

function scaled(value: number, unit: string): string {
  const size = Math.abs(value);
  for (const [factor, prefix] of LARGE) {
    // 999.6 rounds to 1000, which is better said with the next prefix.
    if (Number(size.toPrecision(3)) >= factor) return significant(value / factor) + NARROW_SPACE + prefix + unit;
  }
  return unit === '' ? significant(value) : significant(value) + NARROW_SPACE + unit;
}

export function count(value: number | bigint | undefined): string {
  if (value === undefined) return UNKNOWN;
  const number = Number(value);
  if (!Number.isFinite(number)) return UNKNOWN;
  return Number.isInteger(number) && Math.abs(number) < 1000 ? String(number) : scaled(number, '').trim();
}

export function rate(value: number | undefined): string {
  if (value === undefined || !Number.isFinite(value)) return UNKNOWN;
  return scaled(value, '/s');
}

export function bytes(value: number | bigint | undefined): string {
  if (value === undefined) return UNKNOWN;
  const number = Number(value);
  return Number.isFinite(number) ? scaled(number, 'B') : UNKNOWN;
}

export function bytesPerSecond(value: number | undefined): string {
  if (value === undefined || !Number.isFinite(value)) return UNKNOWN;
  return scaled(value, 'B/s');
}

/** A length of time given in seconds, from nanoseconds to days. */
export function duration(seconds: number | undefined): string {
  if (seconds === undefined || !Number.isFinite(seconds)) return UNKNOWN;
  const size = Number(Math.abs(seconds).toPrecision(3));
  if (size === 0) return '0' + NARROW_SPACE + 's';
  if (size < 1e-6) return significant(seconds * 1e9) + NARROW_SPACE + 'ns';
  if (size < 1e-3) return significant(seconds * 1e6) + NARROW_SPACE + 'µs';
  if (size < 1) return significant(seconds * 1e3) + NARROW_SPACE + 'ms';
  if (size < 100) return significant(seconds) + NARROW_SPACE + 's';
  return span(seconds);
}

/** A length of time in whole units, the two largest: 2 min 5 s, 3 h 10 min. */
export function span(seconds: number): string {
  const total = Math.max(0, Math.round(seconds));
  const units: ReadonlyArray<readonly [number, string]> = [
    [86_400, 'd'],
    [3_600, 'h'],
    [60, 'min'],
    [1, 's'],
  ];
  const parts: string[] = [];
  let rest = total;
  for (const [length, name] of units) {
    const whole = Math.floor(rest / length);
    rest -= whole * length;
    if (whole > 0) parts.push(whole + NARROW_SPACE + name);
    if (parts.length === 2 || (parts.length === 1 && whole === 0)) break;
  }
  return parts.length === 0 ? '0' + NARROW_SPACE + 's' : parts.join(' ');
}

/** A share: 0.94 → 94 %. What is small stays visible, what is nearly all is not called all. */
export function ratio(value: number | undefined): string {
  if (value === undefined || !Number.isFinite(value)) return UNKNOWN;
  const percent = value * 100;
  const digits = percent < 1 ? 2 : 3;
  let text = significant(percent, digits);
  if (value < 1 && text === '100') text = '> 99.9';
  if (value > 0 && percent < 0.001) text = '< 0.001';
  return text + NARROW_SPACE + '%';
}

/** Any value with the unit it travels with. */
export function withUnit(value: number | undefined, unit: Unit): string {
  switch (unit) {
    case 'bytes/s':
      return bytesPerSecond(value);
    case 'bytes':
      return bytes(value);
    case '1/s':
      return rate(value);
    case 's':
      return duration(value);
    case 'ratio':
      return ratio(value);
    case '1':
    case '':
      return count(value);
    default:
      return value === undefined || !Number.isFinite(value) ? UNKNOWN : significant(value) + NARROW_SPACE + unit;
  }
}

/** Many of something, in words: 1 edge, 61 edges. */
export function plural(amount: number, one: string, many = one + 's'): string {
  return `${count(amount)} ${amount === 1 ? one : many}`;
}
