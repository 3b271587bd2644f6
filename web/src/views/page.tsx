// SPDX-License-Identifier: Apache-2.0

import type { ReactElement, ReactNode } from 'react';
import { go, usePlace } from '../lib/navigation';

interface PageProps {
  title: string;
  detail?: string;
  controls?: ReactNode;
  children: ReactNode;
}

/** A view that is a list rather than the map. */
export function Page({ title, detail, controls, children }: PageProps): ReactElement {
  return (
    <div className="page">
      <header>
        <h1>
          {title}
          {detail !== undefined && <small>{detail}</small>}
        </h1>
        {controls}
      </header>
      <div className="page-scroll" tabIndex={-1}>
        {children}
      </div>
    </div>
  );
}

/** Narrows the list by text; kept in the URL. */
export function TextFilter({ label }: { label: string }): ReactElement {
  const { text } = usePlace();
  return <input className="control" type="search" aria-label={label} placeholder={label} value={text} spellCheck={false} onChange={(event) => go({ text: event.target.value }, 'replace')} />;
}

export interface Column<T> {
  key: string;
  name: string;
  number?: boolean;
  className?: string;
  /** Says what the heading alone does not. */
  title?: string;
  /** Unknown sorts last either way. */
  value: (row: T) => number | string | undefined;
}

export function parseSort(text: string): { key: string; down: boolean } {
  return text.startsWith('-') ? { key: text.slice(1), down: true } : { key: text, down: false };
}

/** Sorts rows by the column named; rows stay as they are where it is not a column. */
export function sortRows<T>(rows: readonly T[], columns: ReadonlyArray<Column<T>>, sort: string): readonly T[] {
  const { key, down } = parseSort(sort);
  const column = columns.find((candidate) => candidate.key === key);
  if (column === undefined) return rows;
  const sign = down ? -1 : 1;
  return [...rows].sort((a, b) => {
    const [left, right] = [column.value(a), column.value(b)];
    if (left === undefined || right === undefined) return left === right ? 0 : left === undefined ? 1 : -1;
    if (typeof left === 'string' || typeof right === 'string') return String(left).localeCompare(String(right)) * sign;
    return (left - right) * sign;
  });
}

export function Headings<T>({ columns }: { columns: ReadonlyArray<Column<T>> }): ReactElement {
  const { sort } = usePlace();
  const current = parseSort(sort);
  return (
    <thead>
      <tr>
        {columns.map((column) => {
          const active = current.key === column.key;
          const startsDown = column.number === true;
          const next = active && current.down !== startsDown ? '' : active ? (current.down ? column.key : `-${column.key}`) : startsDown ? `-${column.key}` : column.key;
          return (
            <th key={column.key} scope="col" className={`${column.number === true ? 'number' : ''} ${column.className ?? ''}`} aria-sort={active ? (current.down ? 'descending' : 'ascending') : undefined} title={column.title}>
              <button onClick={() => go({ sort: next }, 'replace')}>
                {column.name}
                <span aria-hidden="true">{active ? (current.down ? ' ↓' : ' ↑') : ''}</span>
              </button>
            </th>
          );
        })}
      </tr>
    </thead>
  );
}
