// SPDX-License-Identifier: Apache-2.0

import { type ReactElement, useEffect, useRef, useState } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import type { Unit } from '../lib/format';
import { withUnit } from '../lib/format';
import { clock } from '../lib/time';
import { Icon } from './icons';
import { colour, onColours } from './theme';

export type Tone = '1' | '2' | '3' | '4' | 'bad' | 'warn';

export interface Trace {
  name: string;
  tone: Tone;
  /** 0 for a full line, 1 dashed, 2 dotted: lines are told apart without colour. */
  dash: 0 | 1 | 2;
  values: readonly number[];
}

interface ChartProps {
  title: string;
  unit: Unit;
  times: readonly number[];
  traces: readonly Trace[];
  /** Charts of one group share their crosshair. */
  group: string;
  /** Spans of time to mark, in seconds; an end of undefined lasts. */
  marks: ReadonlyArray<readonly [number, number | undefined]>;
}

const TONES: Record<Tone, string> = { '1': 'series-1', '2': 'series-2', '3': 'series-3', '4': 'series-4', bad: 'failing', warn: 'degraded' };
const DASHES = [[], [6, 4], [2, 3]];
const AXIS_FONT = '11px system-ui, sans-serif';
const MOST_ROWS = 120;
/** The top of an axis where all is 0. */
const LEAST: Record<string, number> = { ratio: 0.01, s: 0.001 };

/** A chart with its unit, a hairline grid, a crosshair shared with its group, and a table of the same figures. */
export function Chart({ title, unit, times, traces, group, marks }: ChartProps): ReactElement {
  const [table, setTable] = useState(false);
  const [at, setAt] = useState<number | null>(null);
  const shown = at === null ? times.length - 1 : Math.min(at, times.length - 1);
  return (
    <figure className="chart" aria-label={title}>
      <figcaption>
        <b>{title}</b>
        <span className="keys">
          {at !== null && <span>{clock((times[shown] ?? 0) * 1000)}</span>}
          {traces.map((trace) => (
            <span key={trace.name} className={`tone-${trace.tone}`}>
              <i className={`dash-${trace.dash}`} aria-hidden="true" />
              {trace.name} {withUnit(finite(trace.values[shown]), unit)}
            </span>
          ))}
        </span>
        <button className="control icon bare" aria-pressed={table} onClick={() => setTable(!table)} aria-label={`${title} as a table`} title="As a table">
          <Icon name="table" size={14} />
        </button>
      </figcaption>
      {table ? <Twin unit={unit} times={times} traces={traces} /> : <Plot unit={unit} times={times} traces={traces} group={group} marks={marks} cursor={setAt} />}
    </figure>
  );
}

function finite(value: number | undefined): number | undefined {
  return value === undefined || !Number.isFinite(value) ? undefined : value;
}

function Twin({ unit, times, traces }: Pick<ChartProps, 'unit' | 'times' | 'traces'>): ReactElement {
  const rows = times.map((time, index) => ({ time, index })).slice(-MOST_ROWS).reverse();
  return (
    <div className="twin" tabIndex={0} role="region" aria-label="Figures as a table">
      <table>
        <thead>
          <tr>
            <th scope="col">Time</th>
            {traces.map((trace) => (
              <th key={trace.name} scope="col" className="number">
                {trace.name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(({ time, index }) => (
            <tr key={time}>
              <td>{clock(time * 1000)}</td>
              {traces.map((trace) => (
                <td key={trace.name} className="number">
                  {withUnit(finite(trace.values[index]), unit)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

interface PlotProps extends Omit<ChartProps, 'title'> {
  cursor: (index: number | null) => void;
}

function Plot({ unit, times, traces, group, marks, cursor }: PlotProps): ReactElement {
  const holder = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(undefined);
  const spans = useRef(marks);
  spans.current = marks;
  const [theme, setTheme] = useState(0);
  const shape = `${unit} ${theme} ${traces.map((trace) => `${trace.name}:${trace.tone}:${trace.dash}`).join()}`;
  const data = [times, ...traces.map((trace) => trace.values.map((value) => (Number.isFinite(value) ? value : null)))] as unknown as uPlot.AlignedData;
  const latest = useRef(data);
  latest.current = data;

  useEffect(() => onColours(() => setTheme((before) => before + 1)), []);

  useEffect(() => {
    const element = holder.current;
    if (element === null) return;
    const made = new uPlot(options({ unit, traces, group, spans, cursor, width: element.clientWidth, height: element.clientHeight }), latest.current, element);
    plot.current = made;
    const resized = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: element.clientHeight }));
    resized.observe(element);
    return () => {
      resized.disconnect();
      made.destroy();
      plot.current = undefined;
    };
    // The shape stands for everything that the options depend on.
  }, [shape, group]);

  useEffect(() => {
    plot.current?.setData(latest.current);
  }, [times, traces]);

  return <div className="plot" ref={holder} role="img" aria-label="Chart; the table holds the same figures" />;
}

interface OptionsParams {
  unit: Unit;
  traces: readonly Trace[];
  group: string;
  spans: { readonly current: ChartProps['marks'] };
  cursor: (index: number | null) => void;
  width: number;
  height: number;
}

function options({ unit, traces, group, spans, cursor, width, height }: OptionsParams): uPlot.Options {
  const text = colour('text-2');
  const grid = { stroke: colour('grid'), width: 1 };
  const shade = colour('failing-soft');
  return {
    width,
    height,
    padding: [8, 28, 0, 0],
    legend: { show: false },
    cursor: { sync: { key: group, setSeries: false }, y: false, points: { size: 6 }, drag: { x: false, y: false } },
    scales: { x: { time: true }, y: { range: (_, low, high) => [Math.min(0, low ?? 0), high > 0 ? high * 1.12 : (LEAST[unit] ?? 1)] } },
    axes: [
      { stroke: text, font: AXIS_FONT, size: 24, gap: 4, space: 72, grid: { ...grid, show: false }, ticks: { show: false }, values: (_, ticks) => ticks.map((tick) => clock(tick * 1000).slice(0, ((ticks[1] ?? 0) - (ticks[0] ?? 0)) % 60 === 0 ? 5 : 8)) },
      { stroke: text, font: AXIS_FONT, size: 62, gap: 6, space: 28, grid, ticks: { show: false }, values: (_, ticks) => ticks.map((tick) => withUnit(tick, unit)) },
    ],
    series: [{}, ...traces.map((trace) => ({ label: trace.name, stroke: colour(TONES[trace.tone]), width: 1.5, dash: DASHES[trace.dash], spanGaps: false, points: { show: false } }))],
    hooks: {
      drawClear: [
        (made) => {
          const { ctx, bbox } = made;
          ctx.save();
          ctx.fillStyle = shade;
          for (const [from, to] of spans.current) {
            const left = Math.max(bbox.left, made.valToPos(from, 'x', true));
            const right = Math.min(bbox.left + bbox.width, to === undefined ? bbox.left + bbox.width : made.valToPos(to, 'x', true));
            if (right > left) ctx.fillRect(left, bbox.top, right - left, bbox.height);
          }
          ctx.restore();
        },
      ],
      setCursor: [(made) => cursor(made.cursor.idx ?? null)],
    },
  };
}

