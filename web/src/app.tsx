// SPDX-License-Identifier: Apache-2.0

import { Component, lazy, type ReactElement, type ReactNode, Suspense, useEffect, useState } from 'react';
import { useGaps, useLive } from './api/context';
import type { Condition } from './api/follow';
import { currentPlace, go, usePlace } from './lib/navigation';
import { DEFAULT_WINDOW } from './lib/place';
import { useStore } from './lib/store';
import { clock, moment } from './lib/time';
import { Bar, toView, VIEW_NAMES } from './parts/bar';
import { Keys } from './parts/keys';
import { Link } from './parts/link';
import { Notice } from './parts/notice';
import { GapNote, stepInTime, TimeBar } from './parts/timebar';
import { Wrong } from './parts/wrong';
import { AnomaliesView } from './views/anomalies';
import { ConnectionsView } from './views/connections';
import { Drawer } from './views/drawer';
import { EventsView } from './views/events';
import { TableView } from './views/table';

const MapView = lazy(() => import('./map/map'));

export function App(): ReactElement {
  const live = useLive();
  const place = usePlace();
  const condition = useStore(live.condition);
  const status = useStore(live.status);
  const [keys, setKeys] = useState(false);
  const [list, setList] = useState(() => window.innerWidth <= 720 && window.location.pathname === '/' && window.location.search === '');

  useEffect(() => live.show(place), [live, place]);
  useEffect(() => {
    const names = Object.fromEntries(VIEW_NAMES);
    const wrong = status === undefined || status.openAnomalies === 0 ? '' : `(${status.openAnomalies}) `;
    document.title = `${wrong}${names[place.view] ?? 'Map'} · ${status === undefined || status.name === '' ? 'Aeolus' : `${status.name} · Aeolus`}`;
  }, [place.view, status]);
  useEffect(() => {
    const key = (event: KeyboardEvent): void => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.target instanceof HTMLElement && event.target.matches('input, textarea, select')) {
        if (event.key === 'Escape') event.target.blur();
        return;
      }
      if (event.key === '?') setKeys(true);
      else if (event.key === 'Escape' && document.querySelector('dialog[open]') === null && currentPlace().open !== undefined) go({ open: undefined });
      else if (event.key === 'm') go(toView('map'));
      else if (event.key === 't') go(toView('table'));
      else if (event.key === '[' || event.key === ']') stepInTime(event.key === '[' ? -1 : 1, Date.now() + live.skew.get());
      else if (event.key === 'l') go({ at: undefined });
      else if (event.key === 'g') {
        event.preventDefault();
        document.getElementById('moment')?.focus();
      }
    };
    window.addEventListener('keydown', key);
    return () => window.removeEventListener('keydown', key);
  }, [live]);

  return (
    <div className={`frame${condition.state === 'reconnecting' ? ' stale' : ''}${list ? ' shows-list' : ''}`}>
      <Bar />
      <Wrong />
      <main className="main">
        <Guard key={place.view}>
          <View condition={condition} />
        </Guard>
      </main>
      <TimeBar />
      <nav className="phone-tabs" aria-label="Parts">
        <button aria-current={list ? 'page' : undefined} onClick={() => setList(true)}>
          {status === undefined || status.openAnomalies === 0 ? 'Wrong' : `Wrong (${status.openAnomalies})`}
        </button>
        {VIEW_NAMES.filter(([view]) => view !== 'anomalies').map(([view, name]) => (
          <span key={view} style={{ display: 'contents' }} onClick={() => setList(false)}>
            <Link to={toView(view)} current={!list && place.view === view}>
              {name}
            </Link>
          </span>
        ))}
      </nav>
      <div className="over-all">
        <Drawer />
      </div>
      {keys && <Keys close={() => setKeys(false)} />}
    </div>
  );
}

function View({ condition }: { condition: Condition }): ReactElement {
  const live = useLive();
  const { view } = usePlace();
  const graph = useStore(live.graph);
  const problem = useStore(live.graphProblem);
  const gaps = useGaps();
  if (condition.state === 'denied') return <Denied />;
  if (graph === undefined && condition.state === 'reconnecting' && view !== 'connections') return <Gone since={condition.since} reason={condition.reason} />;
  if (condition.state === 'live' && problem !== '' && (view === 'map' || view === 'table')) return <Refused problem={problem} />;
  switch (view) {
    case 'table':
      return <TableView />;
    case 'events':
      return <EventsView />;
    case 'anomalies':
      return <AnomaliesView />;
    case 'connections':
      return <ConnectionsView />;
    default:
      if (graph !== undefined && graph.nodes.length === 0) return <NoMap />;
      return graph === undefined ? (
        <MapBones />
      ) : (
        <Suspense fallback={<MapBones />}>
          <MapView />
          <GapNote gaps={gaps} />
        </Suspense>
      );
  }
}

/** What the controller will not answer as it was asked: it says why, and that is what to do about it. */
function Refused({ problem }: { problem: string }): ReactElement {
  return (
    <Notice title="This time cannot be shown so" role="alert">
      <p>{problem.charAt(0).toUpperCase() + problem.slice(1)}.</p>
      <Link className="link" to={{ window: DEFAULT_WINDOW }}>
        Look at the last seconds before it
      </Link>{' '}
      <Link className="link" to={{ at: undefined, window: DEFAULT_WINDOW }}>
        Back to now
      </Link>
    </Notice>
  );
}

function MapBones(): ReactElement {
  return (
    <div className="map" aria-busy="true" aria-label="The map is being loaded">
      <div className="map-bones" aria-hidden="true">
        {[0, 1, 2, 3, 4, 5].map((index) => (
          <span key={index} className="bone" />
        ))}
      </div>
    </div>
  );
}

function NoMap(): ReactElement {
  const place = usePlace();
  const live = useLive();
  const status = useStore(live.status);
  if (place.text !== '' || place.namespace !== '' || place.unhealthy || place.focus.length > 0) {
    return (
      <Notice title={place.unhealthy ? 'Nothing is wrong' : 'Nothing matches'}>
        <p>{place.unhealthy ? 'No edge is degraded or failing now.' : 'No workload of the last minutes matches the filter.'}</p>
        <Link className="link" to={{ text: '', namespace: '', unhealthy: false, focus: [], hops: 0 }}>
          Show the whole map
        </Link>
      </Notice>
    );
  }
  if (place.at !== undefined) {
    return (
      <Notice title={`Nothing is known of ${moment(place.at, Date.now())}`} role="status">
        <p>No connection was seen then: nothing was watched, or what was seen is not kept any more. The time bar shows how far back what is kept reaches.</p>
        <Link className="link" to={{ at: undefined }}>
          Back to now
        </Link>
      </Notice>
    );
  }
  const nodes = status?.agents.filter((agent) => agent.connected).map((agent) => agent.node) ?? [];
  return (
    <Notice title="No connections yet" role="status">
      <p>
        {nodes.length === 0
          ? 'No agent reports to this controller. On the host to watch, run '
          : `Every TCP connection on ${nodes.slice(0, 3).join(', ')}${nodes.length > 3 ? ` and ${nodes.length - 3} more` : ''} is being watched; none has been opened since. To see some, run `}
        <code>{nodes.length === 0 ? 'aeolus agent' : 'aeolus demo'}</code>.
      </p>
      <p className="secondary">The first workload appears here within a second of its first connection.</p>
    </Notice>
  );
}

function Gone({ since, reason }: { since: number; reason: string }): ReactElement {
  return (
    <Notice title="The controller does not answer" role="alert">
      <p>
        {window.location.host} has not answered since {clock(since)} ({reason}). This page goes on by itself when it does.
      </p>
      <p>
        Is <code>aeolus up</code> still running? If it was started again, open the address that it printed.
      </p>
    </Notice>
  );
}

function Denied(): ReactElement {
  return (
    <Notice title="This page needs its token" role="alert">
      <p>
        The controller answers only to those who hold its token. Open the address that <code>aeolus up</code> printed: it ends in the token, and this browser will remember it.
      </p>
      <p className="secondary">Each start of the controller may make a new token.</p>
    </Notice>
  );
}

/** A view that breaks says so in its place and leaves the rest alone. */
class Guard extends Component<{ children: ReactNode }, { problem: string }> {
  override state = { problem: '' };

  static getDerivedStateFromError(error: unknown): { problem: string } {
    return { problem: error instanceof Error ? error.message : String(error) };
  }

  override render(): ReactNode {
    if (this.state.problem === '') return this.props.children;
    return (
      <Notice title="This view could not be drawn" role="alert">
        <p>{this.state.problem}</p>
        <button className="control" onClick={() => window.location.reload()}>
          Load the page again
        </button>
      </Notice>
    );
  }
}
