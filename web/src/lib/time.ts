// SPDX-License-Identifier: Apache-2.0

import type { Duration, Timestamp } from '@bufbuild/protobuf/wkt';
import { span } from './format';

/** Milliseconds since the epoch, or undefined for a time that was not given. */
export function millis(time: Timestamp | undefined): number | undefined {
  return time === undefined ? undefined : Number(time.seconds) * 1000 + time.nanos / 1e6;
}

export function seconds(length: Duration | undefined): number | undefined {
  return length === undefined ? undefined : Number(length.seconds) + length.nanos / 1e9;
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}

/** 12:04:31 in the reader's own time zone. */
export function clock(ms: number | undefined): string {
  if (ms === undefined) return '–';
  const date = new Date(ms);
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/** 12:04:31.204 in the reader's own time zone. */
export function clockMillis(ms: number | undefined): string {
  if (ms === undefined) return '–';
  return `${clock(ms)}.${String(Math.floor(((ms % 1000) + 1000) % 1000)).padStart(3, '0')}`;
}

/** The whole date and time, for a hover. */
export function full(ms: number | undefined): string {
  return ms === undefined ? 'not known' : new Date(ms).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'long' });
}

/** 3 min ago; just now below two seconds. */
export function ago(ms: number | undefined, now: number): string {
  if (ms === undefined) return '–';
  const passed = (now - ms) / 1000;
  if (passed < 2) return 'just now';
  // The larger unit is enough for something that is over.
  const unit = passed < 60 ? 1 : passed < 3600 ? 60 : 3600;
  return `${span(Math.floor(passed / unit) * unit)} ago`;
}

function sameDay(a: Date, b: Date): boolean {
  return a.getFullYear() === b.getFullYear() && a.getMonth() === b.getMonth() && a.getDate() === b.getDate();
}

/** The time of day, with the day in front where that is not today. */
export function moment(ms: number | undefined, now: number): string {
  if (ms === undefined) return '–';
  const date = new Date(ms);
  return sameDay(date, new Date(now)) ? clock(ms) : `${day(ms)} ${clock(ms)}`;
}

/** 31 Jan in the reader's own language. */
export function day(ms: number): string {
  return new Date(ms).toLocaleDateString(undefined, { day: 'numeric', month: 'short' });
}

const UNITS: Record<string, number> = { s: 1, sec: 1, m: 60, min: 60, h: 3600, d: 86_400 };

/** Reads a moment as a person types it: 12:04, 12:04:31, 2026-01-31 12:04, -5m, 2 h ago, now. Milliseconds; 'now'; or undefined for what it is not. */
export function parseMoment(text: string, now: number): number | 'now' | undefined {
  const typed = text.trim().toLowerCase();
  if (typed === 'now' || typed === 'live') return 'now';
  const before = /^-?\s*(\d+(?:\.\d+)?)\s*(s|sec|m|min|h|d)(?:\s+ago)?$/.exec(typed);
  if (before !== null) return now - Number(before[1]) * (UNITS[before[2] ?? ''] ?? 1) * 1000;
  const parts = /^(?:(\d{4})-(\d{1,2})-(\d{1,2})[t\s]*)?(\d{1,2}):(\d{2})(?::(\d{2}))?$/.exec(typed);
  if (parts !== null) {
    const [, year, month, date, hours, minutes, seconds] = parts;
    if (Number(hours) > 23 || Number(minutes) > 59 || Number(seconds ?? 0) > 59) return undefined;
    const found = new Date(now);
    if (year !== undefined) found.setFullYear(Number(year), Number(month) - 1, Number(date));
    found.setHours(Number(hours), Number(minutes), Number(seconds ?? 0), 0);
    // 23:50, typed at ten past midnight.
    if (year === undefined && found.getTime() > now) found.setDate(found.getDate() - 1);
    return found.getTime();
  }
  const whole = /^\d{4}-\d{2}-\d{2}t.*(z|[+-]\d{2}:\d{2})$/.test(typed) ? Date.parse(text.trim()) : Number.NaN;
  return Number.isFinite(whole) ? whole : undefined;
}

const STEPS = [60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800];

/** Whole times within a stretch, at most so many, for the marks of a scale: milliseconds. */
export function ticks(from: number, to: number, most: number): number[] {
  const step = (STEPS.find((candidate) => (to - from) / 1000 / candidate <= most) ?? 604_800) * 1000;
  // Whole in the reader's own time zone.
  const offset = new Date(from).getTimezoneOffset() * 60_000;
  const found: number[] = [];
  for (let at = Math.ceil((from - offset) / step) * step + offset; at <= to; at += step) found.push(at);
  return found;
}

/** The label of a mark: the time of day, or the day where the marks are days or a day begins. */
export function tickLabel(ms: number): string {
  const date = new Date(ms);
  if (date.getHours() === 0 && date.getMinutes() === 0) return day(ms);
  return `${two(date.getHours())}:${two(date.getMinutes())}`;
}
