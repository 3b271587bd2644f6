// SPDX-License-Identifier: Apache-2.0

import { type ReactElement, useEffect, useRef } from 'react';

const KEYS: ReadonlyArray<readonly [readonly string[], string]> = [
  [['/', 'Ctrl K'], 'Search'],
  [['←', '→'], 'From a workload onto an edge, and along it to the other end'],
  [['↑', '↓'], 'To the next edge or workload above or below'],
  [['Enter'], 'Open what is focused'],
  [['Esc'], 'Close the drawer, or leave the search'],
  [['+', '−', '0'], 'Zoom in, zoom out, show all'],
  [['[', ']'], 'Back and forth in time, by a step of the time bar'],
  [['l'], 'Live: back to now'],
  [['g'], 'Go to a time: type 12:04 or -5m'],
  [['m', 't'], 'Map, and the same as a table'],
  [['?'], 'This list'],
];

/** The list of keys, over everything else. */
export function Keys({ close }: { close: () => void }): ReactElement {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    dialog.current?.showModal();
  }, []);
  return (
    <dialog ref={dialog} onClose={close} onClick={(event) => event.target === dialog.current && close()} aria-labelledby="keys-title">
      <h1 id="keys-title">Keys</h1>
      <dl>
        {KEYS.map(([keys, words]) => (
          <div key={words} style={{ display: 'contents' }}>
            <dt>
              {keys.map((key) => (
                <span key={key}>
                  <kbd>{key}</kbd>{' '}
                </span>
              ))}
            </dt>
            <dd>{words}</dd>
          </div>
        ))}
      </dl>
    </dialog>
  );
}
