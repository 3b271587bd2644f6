// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"slices"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/controller/detect"
)

const (
	// confirmWithin is how long an anomaly of an earlier run stays open until its detector has found it again.
	confirmWithin = time.Minute
	maxEvidence   = 16
)

// earlierRun is what the run before has left: anomalies that were open when it ended. Whether they last is not known
// until a detector has found them again, and the same anomaly then goes on: with its id, its beginning, and whoever has
// acknowledged it.
type earlierRun struct {
	// resumed is when this run began.
	resumed time.Time
	// unconfirmed are those that were not found again yet, by key, and until when each is waited for.
	unconfirmed map[string]*Anomaly
	until       map[string]time.Time
	// continued are those that were, by the id that the detector knows them under.
	continued map[string]*Anomaly
}

// Resume takes in the anomalies of an earlier run, oldest first: those that had ended, and those that were open. From
// then on keep is told of every anomaly as it opens, changes and ends; it must not wait, for the engine is locked
// meanwhile. Call it before anything is applied.
func (e *Engine) Resume(keep func(*Anomaly), anomalies []*Anomaly) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.keep = keep
	e.earlier = earlierRun{
		resumed: e.now(), unconfirmed: map[string]*Anomaly{}, until: map[string]time.Time{}, continued: map[string]*Anomaly{},
	}
	for _, given := range anomalies {
		anomaly := *given
		if anomaly.Closed.IsZero() {
			anomaly.Unconfirmed = true
			if twin := e.earlier.unconfirmed[anomaly.Key]; twin != nil {
				e.endEarlier(twin, e.earlier.resumed)
			}
			e.earlier.unconfirmed[anomaly.Key] = &anomaly
			e.earlier.until[anomaly.Key] = e.earlier.resumed.Add(confirmWithin)
		}
		e.place(&anomaly)
	}
}

// carryOn makes what a detector decided the continuation of what an earlier run found, where it is that.
func (r *earlierRun) carryOn(operation detect.Operation, anomaly *Anomaly) detect.Operation {
	detected := anomaly.ID
	if before := r.unconfirmed[anomaly.Key]; before != nil && operation == detect.Open {
		r.confirm(anomaly.Key)
		r.continued[detected] = before
		operation = detect.Change
	}
	before := r.continued[detected]
	if before == nil {
		return operation
	}
	anomaly.ID, anomaly.Opened, anomaly.Since, anomaly.Detection = before.ID, before.Opened, before.Since, before.Detection
	anomaly.Events += before.Events
	anomaly.Evidence = shorten(slices.Concat(before.Evidence, anomaly.Evidence))
	if operation == detect.Close {
		delete(r.continued, detected)
	}
	return operation
}

func (r *earlierRun) confirm(key string) {
	delete(r.unconfirmed, key)
	delete(r.until, key)
}

// shorten keeps what tells how it began, and how it is.
func shorten(evidence []detect.Evidence) []detect.Evidence {
	if len(evidence) <= maxEvidence {
		return evidence
	}
	return slices.Delete(evidence, maxEvidence/2, maxEvidence/2+len(evidence)-maxEvidence)
}

// endUnconfirmed ends what an earlier run found and nobody has found again.
func (e *Engine) endUnconfirmed(now time.Time) {
	for key, anomaly := range e.earlier.unconfirmed {
		if now.Before(e.earlier.until[key]) {
			continue
		}
		e.earlier.confirm(key)
		e.endEarlier(anomaly, now)
	}
}

func (e *Engine) endEarlier(anomaly *Anomaly, now time.Time) {
	ended := *anomaly
	ended.Changed, ended.Closed = now, now
	ended.Evidence = shorten(append(slices.Clone(anomaly.Evidence), detect.Evidence{
		Time: now, Text: "not seen since the controller's restart at " + e.earlier.resumed.UTC().Format("15:04:05") + " UTC",
	}))
	// Somebody may have acknowledged it meanwhile.
	if known := e.open[anomaly.ID]; known != nil {
		ended.Acknowledgement = known.Acknowledgement
	}
	e.put(detect.Close, &ended)
}
