// SPDX-License-Identifier: Apache-2.0

import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { type KeyboardEvent, type PointerEvent, type ReactElement, useEffect, useMemo, useRef, useState } from 'react';
import { useLive, useNow, usePolled } from '../api/context';
import type { Anomaly, Gap, Status } from '../gen/aeolus/query/v1/query_pb';
import { span } from '../lib/format';
import { healthName } from '../lib/health';
import { currentPlace, go, usePlace } from '../lib/navigation';
import { ZOOMS } from '../lib/place';
import { useStore } from '../lib/store';
import { clock, full, millis, moment, parseMoment, seconds, tickLabel, ticks } from '../lib/time';
import { Icon } from './icons';

/** Letting go this near to the end, as a share of the bar, means now. */
const NOW = 0.012;
/** A drag asks for a picture at most this often. */
const THROTTLE = 150;
const ZOOM_WORDS: Record<number, string> = { 900: '15 min', 3600: '1 h', 21_600: '6 h', 86_400: '24 h', 604_800: '7 d' };
const MOST_MARKS = 300;
const MARKS_EVERY = 15_000;
/** An arrow moves by such a share of what the bar shows, a page by ten of them. */
const STEP = 1 / 180;

/** A stretch of time, in milliseconds. */
interface Stretch {
  from: number;
  to: number;
}

/** What of the past can be asked for, and what of it cannot although it lies within. */
function reach(status: Status, now: number): { oldest: number; gaps: readonly Gap[]; kept: boolean } {
  const started = millis(status.started) ?? now;
  const memory = Math.max(started, now - (seconds(status.history) ?? 600) * 1000);
  return { oldest: Math.min(memory, millis(status.archive?.oldest) ?? memory), gaps: status.archive?.gaps ?? [], kept: status.archive !== undefined };
}

/** Looks back as a single key does: to and fro by a step of the time bar. */
export function stepInTime(direction: number, now: number): void {
  const { at, zoom } = currentPlace();
  const next = (at ?? now) + direction * Math.max(zoom * STEP, 5) * 1000;
  go({ at: next >= now - 1000 ? undefined : Math.round(next / 1000) * 1000 }, at === undefined ? 'push' : 'replace');
}

/** The time slider: what is kept, with anomalies as marks and gaps shaded; dragging or typing looks back. */
export function TimeBar(): ReactElement | null {
  const live = useLive();
  const now = useNow();
  const { at, zoom, window } = usePlace();
  const status = useStore(live.status);
  const shown = useShown(at, zoom, now);
  const [held, setHeld] = useState<number>();
  const marks = useMarks(shown, at !== undefined || zoom > 900);
  useEffect(() => setHeld(undefined), [at]);
  if (status === undefined) return <div className="timebar" aria-hidden="true" />;
  const known = reach(status, now);
  const looked = held ?? at;
  return (
    <div className="timebar" data-past={looked !== undefined}>
      <div className="zooms" role="group" aria-label="How much time the bar shows">
        {ZOOMS.map((length) => (
          <button key={length} aria-pressed={zoom === length} onClick={() => go({ zoom: length }, 'replace')}>
            {ZOOM_WORDS[length]}
          </button>
        ))}
      </div>
      <select className="control zoom-choice" aria-label="How much time the bar shows" value={zoom} onChange={(event) => go({ zoom: Number(event.target.value) }, 'replace')}>
        {ZOOMS.map((length) => (
          <option key={length} value={length}>
            {ZOOM_WORDS[length]}
          </option>
        ))}
      </select>
      <Track shown={shown} now={now} known={known} marks={marks} looked={looked} held={held} hold={setHeld} window={window} />
      <Moment at={looked} now={now} />
      <button className="control go-live" aria-pressed={looked === undefined} onClick={() => go({ at: undefined })} title={looked === undefined ? 'What is shown is now' : 'Back to now'}>
        <i aria-hidden="true" />
        Live
      </button>
    </div>
  );
}

/** What the bar shows: up to now, unless the moment that is looked at is older. It stays where it is while that moves within it. */
function useShown(at: number | undefined, zoom: number, now: number): Stretch {
  const end = useRef<number>(undefined);
  const length = zoom * 1000;
  if (at === undefined || at >= now - length * 0.98) end.current = undefined;
  else if (end.current === undefined || at > end.current - length * 0.02 || at < end.current - length * 0.98) end.current = Math.min(now, at + length / 2);
  const to = Math.min(end.current ?? now, now);
  return { from: to - length, to };
}

/** The anomalies that the bar shows as marks. */
function useMarks(shown: Stretch, ask: boolean): readonly Anomaly[] {
  const live = useLive();
  const watched = useStore(live.anomalies);
  // To the minute, so that the passing of time alone asks nothing.
  const [from, to] = [Math.floor(shown.from / 60_000) * 60_000, Math.ceil(shown.to / 60_000) * 60_000];
  const { value } = usePolled(
    ask ? `marks ${from} ${to}` : 'marks',
    async (signal) => (ask ? (await live.client.listAnomalies({ ended: true, limit: MOST_MARKS, from: timestampFromMs(from), to: timestampFromMs(to) }, { signal })).anomalies : undefined),
    MARKS_EVERY,
  );
  const last = useRef<readonly Anomaly[]>(undefined);
  if (value !== undefined) last.current = value;
  return useMemo(() => {
    const all = new Map((last.current ?? []).map((anomaly) => [anomaly.id, anomaly]));
    for (const anomaly of watched ?? []) all.set(anomaly.id, anomaly);
    return [...all.values()];
  }, [watched, value]);
}

interface TrackProps {
  shown: Stretch;
  now: number;
  known: ReturnType<typeof reach>;
  marks: readonly Anomaly[];
  looked: number | undefined;
  held: number | undefined;
  hold: (time: number | undefined) => void;
  window: number;
}

function Track({ shown, now, known, marks, looked, held, hold, window }: TrackProps): ReactElement {
  const track = useRef<HTMLDivElement>(null);
  const dragging = useRef(false);
  const last = useRef(0);
  const [hover, setHover] = useState<number>();
  const [width, setWidth] = useState(640);
  useEffect(() => {
    const measured = new ResizeObserver(([entry]) => setWidth(entry?.contentRect.width ?? 640));
    if (track.current !== null) measured.observe(track.current);
    return () => measured.disconnect();
  }, []);
  const length = shown.to - shown.from;
  const share = (time: number): number => Math.min(1, Math.max(0, (time - shown.from) / length));
  const place = (stretch: Stretch): { left: string; width: string } => ({ left: `${share(stretch.from) * 100}%`, width: `${(share(stretch.to) - share(stretch.from)) * 100}%` });
  const oldest = Math.min(Math.max(known.oldest, shown.from), shown.to);

  const timeAt = (event: PointerEvent): number => {
    const box = track.current?.getBoundingClientRect();
    if (box === undefined || box.width === 0) return now;
    return shown.from + Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)) * length;
  };
  const look = (time: number, how: 'push' | 'replace'): void => {
    // Whether it is now is judged by where one points: with little history, the oldest moment is near the end of a long bar.
    const bounded = Math.max(time, known.oldest + 1000);
    go({ at: time >= now - length * NOW ? undefined : Math.round(bounded / 1000) * 1000 }, how);
  };
  const down = (event: PointerEvent): void => {
    if (event.button !== 0) return;
    event.currentTarget.setPointerCapture(event.pointerId);
    dragging.current = true;
    last.current = performance.now();
    hold(timeAt(event));
    look(timeAt(event), looked === undefined ? 'push' : 'replace');
  };
  const move = (event: PointerEvent): void => {
    const time = timeAt(event);
    setHover(time);
    if (!dragging.current) return;
    hold(time);
    if (performance.now() - last.current < THROTTLE) return;
    last.current = performance.now();
    look(time, 'replace');
  };
  const up = (event: PointerEvent): void => {
    if (!dragging.current) return;
    dragging.current = false;
    hold(undefined);
    look(timeAt(event), 'replace');
  };
  const keys = (event: KeyboardEvent): void => {
    const step = Math.max((length / 1000) * STEP, 1);
    const by = ({ ArrowLeft: -step, ArrowDown: -step, ArrowRight: step, ArrowUp: step, PageDown: -10 * step, PageUp: 10 * step } as Record<string, number>)[event.key];
    if (by === undefined && event.key !== 'End' && event.key !== 'Home') return;
    event.preventDefault();
    event.stopPropagation();
    const how = looked === undefined ? 'push' : 'replace';
    if (event.key === 'End') go({ at: undefined }, how);
    else if (event.key === 'Home') look(Math.max(shown.from, known.oldest) + 1000, how);
    else look((looked ?? now) + (by ?? 0) * 1000, how);
  };
  const head = looked ?? now;
  const pointed = held ?? hover;

  return (
    <div
      ref={track}
      className="track"
      role="slider"
      tabIndex={0}
      aria-label="Moment looked at"
      aria-valuemin={Math.round(shown.from / 1000)}
      aria-valuemax={Math.round(shown.to / 1000)}
      aria-valuenow={Math.round(Math.min(Math.max(head, shown.from), shown.to) / 1000)}
      aria-valuetext={looked === undefined ? 'now' : moment(looked, now)}
      onPointerDown={down}
      onPointerMove={move}
      onPointerUp={up}
      onPointerCancel={up}
      onPointerLeave={() => setHover(undefined)}
      onKeyDown={keys}
    >
      <Scale shown={shown} share={share} width={width} />
      <i className="rail" />
      {oldest > shown.from && <i className="beyond" style={place({ from: shown.from, to: oldest })} title={known.kept ? `Nothing is kept from before ${full(known.oldest)}` : `Nothing is remembered from before ${clock(known.oldest)}`} />}
      {known.gaps.map((gap, index) => (
        <Hole key={index} gap={gap} shown={shown} place={place} now={now} />
      ))}
      <i className="looked-at" style={place({ from: head - window * 1000, to: head })} />
      {marks.map((anomaly) => (
        <Mark key={anomaly.id} anomaly={anomaly} shown={shown} place={place} now={now} />
      ))}
      {head <= shown.to + 1000 && head >= shown.from && <i className="head" style={{ left: `${share(head) * 100}%` }} />}
      {pointed !== undefined && (
        <output style={{ left: `${Math.min(Math.max(share(pointed), 0.04), 0.96) * 100}%` }}>
          {moment(pointed, now)}
          <Why time={pointed} known={known} />
        </output>
      )}
    </div>
  );
}

/** What is to be said of a time that is pointed at: why nothing is known of it. */
function Why({ time, known }: { time: number; known: ReturnType<typeof reach> }): ReactElement | null {
  const gap = known.gaps.find((candidate) => (millis(candidate.from) ?? 0) <= time && time <= (millis(candidate.to) ?? 0));
  if (gap !== undefined) return <span> · {gap.reason}</span>;
  return time < known.oldest ? <span> · nothing is kept from then</span> : null;
}

function Scale({ shown, share, width }: { shown: Stretch; share: (time: number) => number; width: number }): ReactElement {
  return (
    <>
      {ticks(shown.from, shown.to, Math.min(8, Math.max(2, Math.floor(width / 72))))
        .filter((at) => share(at) > 18 / width && share(at) < 1 - 18 / width)
        .map((at) => (
          <span key={at} className="tick" style={{ left: `${share(at) * 100}%` }}>
            {tickLabel(at)}
          </span>
        ))}
    </>
  );
}

interface PartProps {
  shown: Stretch;
  now: number;
  place: (stretch: Stretch) => { left: string; width: string };
}

/** A stretch of which nothing, or not all, is known. */
function Hole({ gap, shown, place, now }: PartProps & { gap: Gap }): ReactElement | null {
  const [from, to] = [millis(gap.from) ?? 0, millis(gap.to) ?? 0];
  if (to <= shown.from || from >= shown.to) return null;
  return <i className="hole" style={place({ from, to })} title={`Not everything is known from ${moment(from, now)} to ${moment(to, now)}: ${gap.reason}`} />;
}

function Mark({ anomaly, shown, place, now }: PartProps & { anomaly: Anomaly }): ReactElement | null {
  const [from, to] = [millis(anomaly.opened) ?? now, millis(anomaly.closed) ?? now];
  if (to <= shown.from || from >= shown.to) return null;
  return <i className={`stretch is-${healthName(anomaly.severity)}`} data-open={anomaly.closed === undefined} style={place({ from, to })} />;
}

/** The moment that is looked at, as a field to type another into. */
function Moment({ at, now }: { at: number | undefined; now: number }): ReactElement {
  const [typed, setTyped] = useState<string>();
  const found = typed === undefined || typed.trim() === '' ? undefined : parseMoment(typed, now);
  const wrong = typed !== undefined && typed.trim() !== '' && found === undefined;
  const take = (): void => {
    if (found === 'now') go({ at: undefined });
    else if (found !== undefined) go({ at: found >= now - 1000 ? undefined : Math.round(found) });
    if (!wrong) setTyped(undefined);
  };
  return (
    <form
      className="moment"
      onSubmit={(event) => {
        event.preventDefault();
        take();
      }}
    >
      <Icon name="clock" size={14} />
      <input
        id="moment"
        aria-label="Look back at"
        aria-invalid={wrong}
        title={wrong ? 'Not a time: try 12:04, 2026-01-31 12:04, -5m or now' : 'Type a time: 12:04, 2026-01-31 12:04, -5m, now'}
        placeholder="12:04 or -5m"
        spellCheck={false}
        autoComplete="off"
        value={typed ?? (at === undefined ? '' : moment(at, now))}
        onFocus={(event) => event.target.select()}
        onChange={(event) => setTyped(event.target.value)}
        onKeyDown={(event) => event.key === 'Escape' && setTyped(undefined)}
        onBlur={() => setTyped(undefined)}
      />
    </form>
  );
}

/** Says of which part of what is shown not everything is known; nothing where everything is. */
export function GapNote({ gaps }: { gaps: readonly Gap[] }): ReactElement | null {
  const now = useNow();
  const first = gaps[0];
  if (first === undefined) return null;
  const words = (gap: Gap): string => `${moment(millis(gap.from), now)} to ${moment(millis(gap.to), now)}: ${gap.reason}`;
  return (
    <p className="gap-note" role="note" title={gaps.map(words).join('\n')}>
      Not everything is known of this time. {span(((millis(first.to) ?? 0) - (millis(first.from) ?? 0)) / 1000)} from {words(first)}
      {gaps.length > 1 && ` (and ${gaps.length - 1} more)`}.
    </p>
  );
}
