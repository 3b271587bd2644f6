// SPDX-License-Identifier: Apache-2.0

import type { ReactElement, ReactNode } from 'react';

/** What is said where there is nothing to show: what it is, why, and what to try. */
export function Notice({ title, children, role }: { title: string; children: ReactNode; role?: 'alert' | 'status' }): ReactElement {
  return (
    <div className="centre">
      <div className="notice" role={role}>
        <h2>{title}</h2>
        {children}
      </div>
    </div>
  );
}

export function Bones({ rows, height = 16 }: { rows: number; height?: number }): ReactElement {
  const widths = ['92%', '74%', '86%', '61%', '80%'];
  return (
    <div aria-hidden="true">
      {Array.from({ length: rows }, (_, index) => (
        <span key={index} className="bone" style={{ height, width: widths[index % widths.length], margin: '10px 0' }} />
      ))}
    </div>
  );
}
