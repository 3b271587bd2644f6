// SPDX-License-Identifier: Apache-2.0

import { type KeyboardEvent, type ReactElement, useEffect, useId, useRef, useState } from 'react';
import { useLive } from '../api/context';
import type { Hit } from '../gen/aeolus/query/v1/query_pb';
import { healthName } from '../lib/health';
import { currentPlace, go } from '../lib/navigation';
import { HealthIcon, Icon } from './icons';

const MOST = 12;
const WAIT = 60;

/** Where a hit leads. */
function follow(hit: Hit): void {
  if (hit.kind === 'edge' || hit.kind === 'anomaly') go({ open: { kind: hit.kind, id: hit.id } });
  else if (hit.kind === 'port') go({ open: { kind: 'edge', id: hit.id } });
  else go({ open: { kind: 'node', id: hit.id } });
}

export function Search(): ReactElement {
  const live = useLive();
  const input = useRef<HTMLInputElement>(null);
  const list = useId();
  const [text, setText] = useState('');
  const [found, setFound] = useState<{ text: string; hits: readonly Hit[] }>();
  const [chosen, setChosen] = useState(0);
  const [open, setOpen] = useState(false);

  useEffect(() => {
    const key = (event: globalThis.KeyboardEvent): void => {
      const typing = event.target instanceof HTMLElement && event.target.matches('input, textarea, select');
      if ((event.key === '/' && !typing && !event.ctrlKey && !event.metaKey) || (event.key === 'k' && (event.ctrlKey || event.metaKey))) {
        event.preventDefault();
        input.current?.focus();
        input.current?.select();
      }
    };
    window.addEventListener('keydown', key);
    return () => window.removeEventListener('keydown', key);
  }, []);

  useEffect(() => {
    const wanted = text.trim();
    if (wanted === '') {
      setFound(undefined);
      return;
    }
    const aborting = new AbortController();
    const timer = setTimeout(() => {
      live.client.search({ text: wanted, limit: MOST }, { signal: aborting.signal }).then(
        (response) => {
          setFound({ text: wanted, hits: response.hits });
          setChosen(0);
        },
        () => undefined,
      );
    }, WAIT);
    return () => {
      clearTimeout(timer);
      aborting.abort();
    };
  }, [text, live]);

  const take = (hit: Hit): void => {
    follow(hit);
    setText('');
    setOpen(false);
    input.current?.blur();
  };

  const hits = found?.hits ?? [];
  const keys = (event: KeyboardEvent): void => {
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault();
      const step = event.key === 'ArrowDown' ? 1 : -1;
      setChosen((before) => (hits.length === 0 ? 0 : (before + step + hits.length) % hits.length));
    } else if (event.key === 'Enter') {
      const hit = hits[chosen];
      if (hit !== undefined) take(hit);
      else if (text.trim() !== '' && currentPlace().view !== 'map') go({ text: text.trim() });
    } else if (event.key === 'Escape') {
      event.stopPropagation();
      setText('');
      input.current?.blur();
    }
  };

  const shows = open && text.trim() !== '' && found !== undefined;
  return (
    <div className="search" role="search">
      <Icon name="search" size={14} />
      <input
        ref={input}
        type="text"
        role="combobox"
        aria-label="Search workloads, edges, addresses, processes"
        aria-expanded={shows}
        aria-controls={list}
        aria-activedescendant={shows && hits.length > 0 ? `${list}-${chosen}` : undefined}
        aria-autocomplete="list"
        placeholder="Search"
        autoComplete="off"
        spellCheck={false}
        value={text}
        onChange={(event) => setText(event.target.value)}
        onFocus={() => setOpen(true)}
        onBlur={() => setOpen(false)}
        onKeyDown={keys}
      />
      {text === '' && <kbd aria-hidden="true">/</kbd>}
      {shows && (
        <ul className="hits" id={list} role="listbox" aria-label="Found">
          {hits.map((hit, index) => (
            <li
              key={`${hit.kind}:${hit.id}:${hit.title}`}
              id={`${list}-${index}`}
              role="option"
              aria-selected={index === chosen}
              onMouseMove={() => setChosen(index)}
              onMouseDown={(event) => {
                event.preventDefault();
                take(hit);
              }}
            >
              <HealthIcon health={healthName(hit.health)} />
              <span>
                <b>{hit.title}</b>
                <span className="secondary"> {hit.subtitle}</span>
              </span>
              <span className="secondary">{hit.kind}</span>
            </li>
          ))}
          {hits.length === 0 && <p>Nothing is called “{found.text}” in the last minutes.</p>}
        </ul>
      )}
    </div>
  );
}
