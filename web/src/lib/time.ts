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
