// SPDX-License-Identifier: Apache-2.0

import type { ReactElement } from 'react';

/** What the lines mean. */
export function Legend(): ReactElement {
  return (
    <div className="legend" aria-hidden="true">
      <span>
        <svg viewBox="0 0 26 8">
          <path d="M1 4h24" stroke="var(--edge)" strokeWidth="2" strokeLinecap="round" />
        </svg>
        healthy
      </span>
      <span>
        <svg viewBox="0 0 26 8">
          <path d="M1.5 4h23" stroke="var(--degraded)" strokeWidth="2.5" strokeDasharray="6 4" />
        </svg>
        degraded
      </span>
      <span>
        <svg viewBox="0 0 26 8">
          <path d="M2 4h22" stroke="var(--failing)" strokeWidth="4.5" strokeLinecap="round" />
        </svg>
        failing
      </span>
      <span>wider: more a second</span>
    </div>
  );
}
