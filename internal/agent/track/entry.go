// SPDX-License-Identifier: Apache-2.0

package track

import "github.com/aeolus-ebpf/aeolus/internal/model"

// entry is one connection.
type entry struct {
	// latest is the merged view: state from the latest snapshot, counters the highest seen.
	latest model.Connection
	// reported is what the flows so far add up to.
	reported                                            model.Counters
	openedReported, establishedReported, failedReported bool
	// seen is when the latest snapshot was taken; began when the first one was.
	seen, began uint64
	// lost is set when walks no longer show the connection and no closing record came.
	lost  bool
	moved bool

	endpoint *model.Endpoint
	resolved model.Owner
	// told is the endpoint of the flow before; again is set where a flow is wanted though nothing has happened.
	told  *model.Endpoint
	again bool
}

func newEntry(snapshot *model.Connection) *entry {
	e := &entry{latest: *snapshot, seen: snapshot.Taken, began: snapshot.Taken, reported: snapshot.Base}
	if snapshot.Adopted {
		// What happened before the adoption is not news.
		e.openedReported = true
		e.establishedReported = snapshot.Phase != model.PhaseOpening
	}
	return e
}

// revive continues a connection that had been given up.
func (e *entry) revive(buried tombstone) {
	e.reported = e.reported.Max(buried.reported)
	e.latest.Counters = e.latest.Counters.Max(buried.reported)
	e.openedReported, e.establishedReported = buried.opened, buried.established
}

// merge takes in another snapshot. Snapshots travel by two ways, so an older one may come after a newer.
func (e *entry) merge(snapshot *model.Connection) {
	kept := e.latest
	newer := snapshot.Taken >= e.seen
	if newer {
		e.latest = *snapshot
		e.seen = snapshot.Taken
	}
	older := *snapshot
	if newer {
		older = kept
	}
	e.latest.Counters = kept.Counters.Max(snapshot.Counters)
	e.latest.Base = kept.Base.Max(snapshot.Base)
	e.latest.Adopted = kept.Adopted || snapshot.Adopted
	e.reported = e.reported.Max(snapshot.Base)
	e.latest.Phase = max(kept.Phase, snapshot.Phase)
	e.fill(&older)
}

// fill takes from an older view what the later one does not know, or no longer.
func (e *entry) fill(older *model.Connection) {
	latest := &e.latest
	latest.Opened = either(latest.Opened, older.Opened)
	latest.Established = either(latest.Established, older.Established)
	latest.Closed = either(latest.Closed, older.Closed)
	latest.Role = either(latest.Role, older.Role)
	latest.Failure = either(latest.Failure, older.Failure)
	latest.Errno = either(latest.Errno, older.Errno)
	latest.SmoothedRTT = either(latest.SmoothedRTT, older.SmoothedRTT)
	latest.MinRTT = either(latest.MinRTT, older.MinRTT)
	latest.Handshake = either(latest.Handshake, older.Handshake)
	latest.SynRetransmits = max(latest.SynRetransmits, older.SynRetransmits)
	if better(&older.Owner, &latest.Owner) {
		latest.Owner = older.Owner
	}
	if !latest.Local.Addr().IsValid() || latest.Local.Addr().IsUnspecified() || latest.Local.Port() == 0 {
		latest.Local = older.Local
	}
}

// better tells whether an older owner says more than a later one: a process of its own instead of the listener's, or a
// process instead of none.
func better(older, later *model.Owner) bool {
	if later.Kind == model.OwnerUnknown && later.PID == 0 {
		return older.Kind != model.OwnerUnknown || older.PID != 0
	}
	if older.PID == 0 {
		return false
	}
	return later.PID == 0 || (later.Inherited && !older.Inherited)
}

func either[T comparable](first, second T) T {
	var none T
	if first != none {
		return first
	}
	return second
}
