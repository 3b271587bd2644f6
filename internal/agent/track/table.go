// SPDX-License-Identifier: Apache-2.0

package track

import (
	"sync"

	"github.com/aeolus-ebpf/aeolus/internal/loss"
	"github.com/aeolus-ebpf/aeolus/internal/model"
)

// Table keeps connections and listeners. Its methods may be called concurrently.
type Table struct {
	config Config
	// stage counts connections: those that came in are kept, have ended, or were dropped.
	stage *loss.Stage
	// late counts snapshots of connections that had ended.
	late *loss.Stage

	mu      sync.Mutex
	entries map[uint64]*entry
	// moved are the entries that have something to say in this interval.
	moved      []*entry
	tombstones tombstones
	listeners  listeners
	// lastWalk is when the walk before began. What two walks did not show is gone: its closing record had the time between
	// them to arrive.
	lastWalk uint64
}

// NewTable makes an empty table.
func NewTable(config Config) *Table {
	if config.Connections == 0 {
		config.Connections = DefaultConnections
	}
	if config.Listeners == 0 {
		config.Listeners = DefaultListeners
	}
	return &Table{
		config:     config,
		stage:      config.Ledger.Stage("connections"),
		late:       config.Ledger.Stage("late-snapshots"),
		entries:    map[uint64]*entry{},
		tombstones: newTombstones(),
		listeners:  newListeners(config.Listeners, config.Ledger.Stage("listeners")),
	}
}

// Len is how many connections the table holds.
func (t *Table) Len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.entries)
}

// Connections merges snapshots.
func (t *Table) Connections(snapshots []model.Connection) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range snapshots {
		t.merge(&snapshots[i])
	}
}

func (t *Table) merge(snapshot *model.Connection) {
	e := t.entries[snapshot.Cookie]
	if e == nil {
		if e = t.admit(snapshot); e == nil {
			return
		}
	} else {
		e.merge(snapshot)
	}
	if owner, ok := t.listeners.owner(&e.latest); ok {
		e.latest.Owner = owner
	}
	if e.endpoint == nil || e.resolved != e.latest.Owner {
		e.endpoint, e.resolved = t.config.Resolver.Resolve(e.latest.Owner), e.latest.Owner
	}
	if !e.moved {
		e.moved = true
		t.moved = append(t.moved, e)
	}
}

// admit begins to keep a connection, unless there is no room or it has ended. A connection that finds no room now may
// find it with its next snapshot, and is then reported whole: its counters are cumulative.
func (t *Table) admit(snapshot *model.Connection) *entry {
	buried, dead := t.tombstones.find(snapshot.Cookie)
	if dead && (buried.closed || snapshot.Phase == model.PhaseClosed || snapshot.Taken <= buried.at) {
		t.late.In(1)
		t.late.Drop("after-close", 1)
		return nil
	}
	t.stage.In(1)
	if len(t.entries) >= t.config.Connections {
		t.stage.Drop("table-full", 1)
		return nil
	}
	e := newEntry(snapshot)
	if dead {
		// Walks had missed it, and it lives: what was reported stays reported.
		e.revive(buried)
		t.tombstones.remove(snapshot.Cookie)
	}
	t.entries[snapshot.Cookie] = e
	return e
}

// Listeners notes listening sockets as they come and go.
func (t *Table) Listeners(changes []model.Listener) {
	now := t.config.Monotonic()
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range changes {
		t.listeners.note(&changes[i], now)
	}
}

// Walked notes that every socket that lived when a walk began has been reported. Connections that neither this walk nor
// the one before has shown are ended: their closing record was lost.
func (t *Table) Walked(began uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	horizon := t.lastWalk
	t.lastWalk = began
	if horizon == 0 {
		return
	}
	for _, e := range t.entries {
		if e.seen >= horizon || e.latest.Phase == model.PhaseClosed {
			continue
		}
		e.latest.Phase, e.latest.Closed, e.lost = model.PhaseClosed, began, true
		if !e.moved {
			e.moved = true
			t.moved = append(t.moved, e)
		}
	}
	t.listeners.sweep(horizon)
}
