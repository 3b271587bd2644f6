// SPDX-License-Identifier: Apache-2.0

import type { ReactElement } from 'react';
import { HEALTH_WORDS, type HealthName } from '../lib/health';

/** Each health has its own shape: disc, ring, triangle, and a filled diamond. */
export function HealthIcon({ health, label = true }: { health: HealthName; label?: boolean }): ReactElement {
  const shapes: Record<HealthName, ReactElement> = {
    ok: <circle cx="6" cy="6" r="4" fill="currentColor" />,
    quiet: <circle cx="6" cy="6" r="3.5" fill="none" stroke="currentColor" strokeWidth="1.5" />,
    unknown: <path d="M3 6h6" stroke="currentColor" strokeWidth="1.5" strokeLinecap="round" />,
    degraded: <path d="M6 1.6 11 10.4H1Z" fill="currentColor" stroke="currentColor" strokeWidth="1" strokeLinejoin="round" />,
    failing: <path d="M6 .8 11.2 6 6 11.2.8 6Z" fill="currentColor" stroke="currentColor" strokeWidth="1" strokeLinejoin="round" />,
  };
  return (
    <svg viewBox="0 0 12 12" className={`is-${health}`} color={`var(--${health === 'unknown' ? 'quiet' : health})`} role={label ? 'img' : undefined} aria-label={label ? HEALTH_WORDS[health] : undefined} aria-hidden={label ? undefined : true}>
      {shapes[health]}
    </svg>
  );
}

export function HealthMark({ health }: { health: HealthName }): ReactElement {
  return (
    <span className={`health is-${health}`}>
      <HealthIcon health={health} label={false} />
      <span className="word">{HEALTH_WORDS[health]}</span>
    </span>
  );
}

const PATHS = {
  search: <path d="M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10Zm3.6-1.4L14 14" />,
  close: <path d="m4 4 8 8M12 4l-8 8" />,
  plus: <path d="M8 3.5v9M3.5 8h9" />,
  minus: <path d="M3.5 8h9" />,
  fit: <path d="M2.5 6V2.5H6M10 2.5h3.5V6M13.5 10v3.5H10M6 13.5H2.5V10" />,
  tidy: <path d="M2.5 4h4M2.5 12h4M9.5 8h4M6.5 4c2 0 1 4 3 4M6.5 12c2 0 1-4 3-4" />,
  sun: <path d="M8 5a3 3 0 1 0 0 6 3 3 0 0 0 0-6ZM8 1v1.5M8 13.5V15M1 8h1.5M13.5 8H15M3 3l1.1 1.1M11.9 11.9 13 13M13 3l-1.1 1.1M4.1 11.9 3 13" />,
  moon: <path d="M13.5 9.5A6 6 0 0 1 6.5 2.5a6 6 0 1 0 7 7Z" />,
  system: <path d="M2 3h12v8H2zM6 14h4M8 11v3" />,
  back: <path d="M9.5 3.5 5 8l4.5 4.5" />,
  table: <path d="M2.5 3h11v10h-11zM2.5 6.5h11M2.5 9.8h11M6.5 6.5V13" />,
  clock: <path d="M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13ZM8 4.5V8l2.4 1.6" />,
  check: <path d="M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13ZM5.2 8.2l2 2 3.6-4" />,
} as const;

export function Icon({ name, size = 16 }: { name: keyof typeof PATHS; size?: number }): ReactElement {
  return (
    <svg viewBox="0 0 16 16" width={size} height={size} fill="none" stroke="currentColor" strokeWidth="1.4" strokeLinecap="round" strokeLinejoin="round" aria-hidden="true">
      {PATHS[name]}
    </svg>
  );
}
