// SPDX-License-Identifier: Apache-2.0

import type { ReactElement } from 'react';
import { UNKNOWN } from '../lib/format';

/** A number with its unit, or a dash that says on hover why there is none. */
export function Value({ text, why }: { text: string; why: string }): ReactElement {
  if (text !== UNKNOWN) return <>{text}</>;
  return (
    <span className="unknown" title={why} aria-label={why}>
      {UNKNOWN}
    </span>
  );
}
