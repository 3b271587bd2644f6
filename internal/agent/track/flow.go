// SPDX-License-Identifier: Apache-2.0

package track

import (
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/model"
)

// Take gives a flow for each connection that has something to say since the last call, and lets go of those that have
// ended.
func (t *Table) Take(anchor Anchor) []model.Flow {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.tombstones.expire(anchor.Mono)
	flows := make([]model.Flow, 0, len(t.moved))
	for _, e := range t.moved {
		e.moved = false
		if flow, ok := t.flow(e, anchor); ok {
			flows = append(flows, flow)
		}
		if e.latest.Phase == model.PhaseClosed {
			t.end(e, anchor.Mono)
		}
	}
	clear(t.moved)
	t.moved = t.moved[:0]
	if cap(t.moved) > 4*(len(flows)+1_024) {
		// A flood is over: its memory goes back.
		t.moved = nil
	}
	return flows
}

// Retell wants a flow of every open connection with the next Take, for a receiver that may know of none: those that were
// established before it came up are to it as if they had been adopted.
func (t *Table) Retell() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, e := range t.entries {
		e.again = true
		if !e.moved {
			e.moved = true
			t.moved = append(t.moved, e)
		}
	}
}

func (t *Table) end(e *entry, now uint64) {
	delete(t.entries, e.latest.Cookie)
	t.tombstones.bury(e.latest.Cookie, tombstone{
		at: e.seen, buried: now, closed: !e.lost, reported: e.reported,
		opened: e.openedReported, established: e.establishedReported,
	})
	if e.lost {
		t.stage.Drop("lost-close", 1)
		return
	}
	t.stage.Out(1)
}

// flow makes the row of an entry and notes what it has reported; false if there is nothing to say.
func (t *Table) flow(e *entry, anchor Anchor) (model.Flow, bool) {
	c := &e.latest
	closed := c.Phase == model.PhaseClosed
	if !closed || unnamed(e.endpoint) {
		// What is known of an owner may have grown, and an open connection is named by it.
		e.endpoint = t.config.Resolver.Resolve(c.Owner)
	}
	flow := model.Flow{
		Cookie: c.Cookie, Endpoint: e.endpoint, Local: c.Local, Remote: c.Remote, Role: c.Role,
		Opened:      !e.openedReported && c.Opened != 0 && c.Role != model.RoleServer,
		Established: !e.establishedReported && (c.Established != 0 || c.Phase == model.PhaseEstablished),
		Closed:      closed,
		Adopted:     c.Adopted || (e.again && e.establishedReported),
		Own:         e.endpoint.Own || t.config.Own(c.Owner, c.Local, c.Remote),
		Delta:       c.Counters.Sub(e.reported),
		Start:       anchor.Time(either(c.Opened, e.began)),
		SmoothedRTT: c.SmoothedRTT, MinRTT: c.MinRTT, Handshake: c.Handshake,
	}
	if !e.failedReported {
		flow.Failure = c.Failure
	}
	if closed {
		flow.End = anchor.Time(either(c.Closed, c.Taken))
	}
	// A connection that is still gets its own process' name as well, once that is known.
	renamed := e.told != nil && e.told != e.endpoint
	again := e.again
	e.again = false
	if !flow.Opened && !flow.Established && !flow.Closed && !renamed && !again && flow.Failure == model.FailureNone && flow.Delta.IsZero() {
		return model.Flow{}, false
	}
	e.told = e.endpoint
	e.openedReported = e.openedReported || flow.Opened
	e.establishedReported = e.establishedReported || flow.Established
	e.failedReported = e.failedReported || flow.Failure != model.FailureNone
	e.reported = e.reported.Max(c.Counters)
	return flow, true
}

// unnamed tells whether the runtime has not said yet what a container is called.
func unnamed(endpoint *model.Endpoint) bool {
	return endpoint.Container.ID != "" && endpoint.Container.Name == ""
}

// Time turns a kernel stamp into wall time. One before the epoch counts as the epoch.
func (a Anchor) Time(mono uint64) time.Time {
	return time.Unix(0, max(a.Wall+int64(mono-a.Mono), 0))
}
