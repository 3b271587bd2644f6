// SPDX-License-Identifier: Apache-2.0

import type { MouseEvent, ReactElement, ReactNode } from 'react';
import { go, href } from '../lib/navigation';
import { type Place } from '../lib/place';

interface LinkProps {
  to: Partial<Place>;
  className?: string;
  current?: boolean;
  children: ReactNode;
  title?: string;
}

/** A real link that stays in the page on a plain click, and opens elsewhere when asked to. */
export function Link({ to, className, current, children, title }: LinkProps): ReactElement {
  const click = (event: MouseEvent): void => {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    go(to);
  };
  return (
    <a className={className} href={href(to)} onClick={click} aria-current={current === true ? 'page' : undefined} title={title}>
      {children}
    </a>
  );
}
