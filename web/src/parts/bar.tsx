// SPDX-License-Identifier: Apache-2.0

import type { ReactElement } from 'react';
import { useLive, useNow } from '../api/context';
import { go, usePlace } from '../lib/navigation';
import type { View } from '../lib/place';
import { useStore } from '../lib/store';
import { moment } from '../lib/time';
import { Icon } from './icons';
import { Link } from './link';
import { Search } from './search';
import { choose, theme, THEMES } from './theme';

export const VIEW_NAMES: ReadonlyArray<readonly [View, string]> = [
  ['map', 'Map'],
  ['table', 'Table'],
  ['anomalies', 'Anomalies'],
  ['events', 'Events'],
  ['connections', 'Connections'],
];

/** A change of view keeps the window and the moment, and leaves the rest of the query behind. */
export function toView(view: View): Parameters<typeof go>[0] {
  return { view, text: '', edge: '', kinds: [], sort: '', open: undefined, ended: false, failed: false, unhealthy: false };
}

export function Bar(): ReactElement {
  const live = useLive();
  const place = usePlace();
  const status = useStore(live.status);
  return (
    <header className="bar">
      <Link className="brand" to={{ ...toView('map'), at: undefined, focus: [], inside: '' }} title="To the map, now">
        <img src="/icon.svg" alt="Aeolus" />
        <span>{status === undefined || status.name === '' ? 'Aeolus' : status.name}</span>
      </Link>
      <nav className="views" aria-label="Views">
        {VIEW_NAMES.map(([view, name]) => (
          <Link key={view} to={toView(view)} current={place.view === view}>
            {name}
          </Link>
        ))}
      </nav>
      <div className="spring" />
      <Search />
      <Liveness />
      <ThemeSwitch />
    </header>
  );
}

function Liveness(): ReactElement {
  const condition = useStore(useLive().condition);
  const { at } = usePlace();
  const now = useNow();
  if (at !== undefined && condition.state === 'live') {
    return (
      <button className="liveness" data-state="past" onClick={() => go({ at: undefined })} title="Back to now">
        <i aria-hidden="true" />
        <span>{moment(at, now)} · back to now</span>
      </button>
    );
  }
  const words = { connecting: 'connecting…', live: 'live', reconnecting: 'reconnecting…', denied: 'no access' }[condition.state];
  const why = condition.state === 'reconnecting' || condition.state === 'denied' ? condition.reason : undefined;
  return (
    <div className="liveness" data-state={condition.state} role="status" title={why} aria-label={words}>
      <i aria-hidden="true" />
      <span>{words}</span>
    </div>
  );
}

function ThemeSwitch(): ReactElement {
  const chosen = useStore(theme);
  const next = THEMES[(THEMES.indexOf(chosen) + 1) % THEMES.length] ?? 'system';
  const icon = ({ system: 'system', dark: 'moon', light: 'sun' } as const)[chosen];
  return (
    <button className="control icon bare" onClick={() => choose(next)} title={`Theme: ${chosen}. Switch to ${next}`} aria-label={`Theme: ${chosen}. Switch to ${next}`}>
      <Icon name={icon} />
    </button>
  );
}
