// SPDX-License-Identifier: Apache-2.0

import type { ReactElement, RefObject } from 'react';
import { count, span } from '../lib/format';
import { go } from '../lib/navigation';
import { useLive } from '../api/context';
import { GROUPS, type GroupBy, LONGEST_IN_MEMORY, type Place, WINDOWS } from '../lib/place';
import { useStore } from '../lib/store';
import { Icon } from '../parts/icons';
import type { Drawn } from './collapse';
import type { Scene } from './scene';

const GROUP_WORDS: Record<GroupBy, string> = { workload: 'No groups', namespace: 'By namespace', zone: 'By zone', version: 'By version', node: 'By node' };

interface ToolsProps {
  place: Place;
  drawn: Drawn | undefined;
  scene: RefObject<Scene | undefined>;
  /** How many nodes the controller left out. */
  hidden: number;
}

/** The few controls of the map. */
export function Tools({ place, drawn, scene, hidden }: ToolsProps): ReactElement {
  return (
    <>
      <div className="tools top">
        {(place.inside !== '' || place.focus.length > 0 || place.namespace !== '' || place.text !== '') && (
          <button className="control" onClick={() => go({ inside: '', focus: [], hops: 0, namespace: '', text: '', open: undefined })}>
            <Icon name="back" size={14} />
            {place.inside === '' ? 'The whole map' : 'All groups'}
          </button>
        )}
        <select className="control" aria-label="Group by" value={place.group} onChange={(event) => go({ group: GROUPS.find((group) => group === event.target.value) ?? 'workload', inside: '' })}>
          {GROUPS.map((group) => (
            <option key={group} value={group}>
              {group === 'workload' && drawn?.collapsed === true ? 'Grouped' : GROUP_WORDS[group]}
            </option>
          ))}
        </select>
        <WindowChoice place={place} />
        <button className="control" aria-pressed={place.unhealthy} onClick={() => go({ unhealthy: !place.unhealthy })} title="Draw only edges that are degraded or failing">
          Only what is wrong
        </button>
        <button className="control" aria-pressed={place.own} onClick={() => go({ own: !place.own })} title="Draw Aeolus' own connections too">
          Own traffic
        </button>
        {hidden > 0 && <span className="control bare">{count(hidden)} more are drawn as groups</span>}
      </div>
      <div className="tools bottom">
        <div className="stack">
          <button className="control icon" onClick={() => scene.current?.zoomBy(0.8)} aria-label="Zoom out" title="Zoom out (−)">
            <Icon name="minus" />
          </button>
          <button className="control icon" onClick={() => scene.current?.zoomBy(1.25)} aria-label="Zoom in" title="Zoom in (+)">
            <Icon name="plus" />
          </button>
          <button className="control icon" onClick={() => scene.current?.fit(true)} aria-label="Show all" title="Show all (0)">
            <Icon name="fit" />
          </button>
          <button className="control icon" onClick={() => scene.current?.tidy()} aria-label="Lay out anew" title="Lay out anew">
            <Icon name="tidy" />
          </button>
        </div>
      </div>
    </>
  );
}

export function WindowChoice({ place }: { place: Place }): ReactElement {
  const status = useStore(useLive().status);
  // Where nothing is kept on disk, only what is in memory can be asked for.
  const longest = status?.archive === undefined ? LONGEST_IN_MEMORY : Infinity;
  const lengths = [...new Set([...WINDOWS.filter((length) => length <= longest), place.window])].sort((a, b) => a - b);
  return (
    <select className="control" aria-label="Window of the rates" title="Rates are over the last" value={place.window} onChange={(event) => go({ window: Number(event.target.value) })}>
      {lengths.map((length) => (
        <option key={length} value={length}>
          last {span(length)}
        </option>
      ))}
    </select>
  );
}
