// SPDX-License-Identifier: Apache-2.0

import { type ReactElement, useEffect, useState } from 'react';
import { useLive } from '../api/context';
import type { Anomaly } from '../gen/aeolus/query/v1/query_pb';
import { clock, full, millis } from '../lib/time';
import { Icon } from './icons';

/** A quiet mark for an anomaly that somebody has seen. */
export function SeenMark({ anomaly }: { anomaly: Anomaly }): ReactElement | null {
  const seen = anomaly.acknowledgement;
  if (seen === undefined) return null;
  return (
    <span className="secondary seen" title={`Acknowledged by ${seen.who} at ${full(millis(seen.at))}`}>
      <Icon name="check" size={12} /> seen by {seen.who}
    </span>
  );
}

/** Says that an anomaly was seen, and takes it back. */
export function Seen({ anomaly }: { anomaly: Anomaly }): ReactElement {
  const { client } = useLive();
  const [comment, setComment] = useState('');
  const [problem, setProblem] = useState('');
  const [busy, setBusy] = useState(false);
  const [said, setSaid] = useState<Anomaly | undefined>(undefined);
  // What the controller answered counts until the stream brings something newer.
  useEffect(() => setSaid(undefined), [anomaly]);
  const seen = (said ?? anomaly).acknowledgement;
  const say = async (ask: () => Promise<Anomaly>): Promise<void> => {
    setBusy(true);
    try {
      setSaid(await ask());
      setProblem('');
      setComment('');
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
    }
    setBusy(false);
  };
  return (
    <section data-testid="seen">
      <h2>Seen</h2>
      {seen !== undefined ? (
        <div className="seen-said">
          <p>
            Acknowledged by {seen.who} at <span title={full(millis(seen.at))}>{clock(millis(seen.at))}</span>
            {seen.until !== undefined && <span title={full(millis(seen.until))}>, until {clock(millis(seen.until))}</span>}. Nobody is notified of it again.
          </p>
          {seen.comment !== '' && <p className="secondary">{seen.comment}</p>}
          <button className="control" disabled={busy} onClick={() => void say(() => client.unacknowledgeAnomaly({ id: anomaly.id }))}>
            Take it back
          </button>
        </div>
      ) : (
        <form
          className="seen-form"
          onSubmit={(event) => {
            event.preventDefault();
            void say(() => client.acknowledgeAnomaly({ id: anomaly.id, comment }));
          }}
        >
          <input className="control" value={comment} maxLength={1000} onChange={(event) => setComment(event.target.value)} placeholder="For whoever looks next (optional)" aria-label="Comment" />
          <button className="control" type="submit" disabled={busy}>
            Acknowledge
          </button>
        </form>
      )}
      {problem !== '' && (
        <p className="secondary" role="alert">
          That was not kept: {problem}
        </p>
      )}
    </section>
  );
}
