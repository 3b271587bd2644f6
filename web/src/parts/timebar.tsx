// SPDX-License-Identifier: Apache-2.0

import { type KeyboardEvent, type PointerEvent, type ReactElement, useEffect, useRef, useState } from 'react';
import { useLive, useNow } from '../api/context';
import type { Anomaly } from '../gen/aeolus/query/v1/query_pb';
import { span } from '../lib/format';
import { healthName } from '../lib/health';
import { go, usePlace } from '../lib/navigation';
import { useStore } from '../lib/store';
import { clock, millis, seconds } from '../lib/time';

const HISTORY = 600;
const LEAST = 60;
/** Letting go this near to the end, as a share of the bar, means now. */
const NOW = 0.012;
/** A drag asks for a picture at most this often. */
const THROTTLE = 120;
const STEP = 5;

/** The last minutes, with anomalies as marks; dragging looks back. */
export function TimeBar(): ReactElement | null {
  const live = useLive();
  const now = useNow();
  const { at } = usePlace();
  const status = useStore(live.status);
  const anomalies = useStore(live.anomalies) ?? [];
  const track = useRef<HTMLDivElement>(null);
  const dragging = useRef(false);
  const last = useRef(0);
  const [held, setHeld] = useState<number>();
  const [hover, setHover] = useState<number>();
  useEffect(() => setHeld(undefined), [at]);
  if (status === undefined) return <div className="timebar" aria-hidden="true" />;

  const length = Math.max(LEAST, Math.min(seconds(status.history) || HISTORY, (now - (millis(status.started) ?? 0)) / 1000)) * 1000;
  const from = now - length;
  const share = (time: number): number => Math.min(1, Math.max(0, (time - from) / length));
  const moment = held ?? at;

  const timeAt = (event: PointerEvent): number => {
    const box = track.current?.getBoundingClientRect();
    if (box === undefined || box.width === 0) return now;
    return from + Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)) * length;
  };
  const look = (time: number, how: 'push' | 'replace'): void => {
    const next = share(time) > 1 - NOW ? undefined : Math.round(time / 1000) * 1000;
    go({ at: next }, how);
  };
  const down = (event: PointerEvent): void => {
    if (event.button !== 0) return;
    event.currentTarget.setPointerCapture(event.pointerId);
    dragging.current = true;
    last.current = performance.now();
    setHeld(timeAt(event));
    look(timeAt(event), at === undefined ? 'push' : 'replace');
  };
  const move = (event: PointerEvent): void => {
    const time = timeAt(event);
    setHover(time);
    if (!dragging.current) return;
    setHeld(time);
    if (performance.now() - last.current < THROTTLE) return;
    last.current = performance.now();
    look(time, 'replace');
  };
  const up = (event: PointerEvent): void => {
    if (!dragging.current) return;
    dragging.current = false;
    setHeld(undefined);
    look(timeAt(event), 'replace');
  };
  const keys = (event: KeyboardEvent): void => {
    const step = ({ ArrowLeft: -STEP, ArrowRight: STEP, PageDown: -60, PageUp: 60 } as Record<string, number>)[event.key];
    if (step === undefined && event.key !== 'End' && event.key !== 'Home') return;
    event.preventDefault();
    event.stopPropagation();
    if (event.key === 'End') go({ at: undefined });
    else if (event.key === 'Home') look(from + 1000, at === undefined ? 'push' : 'replace');
    else look(Math.max(from + 1000, (at ?? now) + (step ?? 0) * 1000), at === undefined ? 'push' : 'replace');
  };

  return (
    <div className="timebar" data-past={moment !== undefined}>
      <span>{span(length / 1000)} ago</span>
      <div
        ref={track}
        className="track"
        role="slider"
        tabIndex={0}
        aria-label="Moment looked at"
        aria-valuemin={0}
        aria-valuemax={Math.round(length / 1000)}
        aria-valuenow={Math.round(share(moment ?? now) * (length / 1000))}
        aria-valuetext={moment === undefined ? 'now' : clock(moment)}
        title={moment === undefined ? 'Drag to look back' : undefined}
        onPointerDown={down}
        onPointerMove={move}
        onPointerUp={up}
        onPointerCancel={up}
        onPointerLeave={() => setHover(undefined)}
        onKeyDown={keys}
      >
        <i className="rail" />
        {anomalies.map((anomaly) => (
          <Stretch key={anomaly.id} anomaly={anomaly} share={share} now={now} />
        ))}
        <i className="head" style={{ left: `${share(moment ?? now) * 100}%` }} />
        {(dragging.current || hover !== undefined) && (
          <output style={{ left: `${share(held ?? hover ?? now) * 100}%` }}>{clock(held ?? hover)}</output>
        )}
      </div>
      {moment === undefined ? (
        <span>now</span>
      ) : (
        <button className="link" onClick={() => go({ at: undefined })}>
          back to now
        </button>
      )}
    </div>
  );
}

function Stretch({ anomaly, share, now }: { anomaly: Anomaly; share: (time: number) => number; now: number }): ReactElement | null {
  const left = share(millis(anomaly.opened) ?? now);
  const right = share(millis(anomaly.closed) ?? now);
  if (right <= 0) return null;
  return <i className={`stretch is-${healthName(anomaly.severity)}`} data-open={anomaly.closed === undefined} style={{ left: `${left * 100}%`, width: `${(right - left) * 100}%` }} />;
}
