// SPDX-License-Identifier: Apache-2.0

package reduce

import (
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/graph"
)

// queue holds connections in the order in which they fall due.
type queue struct {
	items []waiter
	head  int
}

// waiter is a connection with the time at which it falls due. The time belongs to the place in the queue: one that ends
// while it waits for its other half lingers too, and must not hold up those behind it.
type waiter struct {
	*joined
	until time.Time
}

func (q *queue) push(j *joined, until time.Time) { q.items = append(q.items, waiter{j, until}) }

// due takes out the first connection, if its time has come.
func (q *queue) due(now time.Time) *joined {
	if q.head == len(q.items) {
		q.items, q.head = q.items[:0], 0
		return nil
	}
	if q.items[q.head].until.After(now) {
		return nil
	}
	return q.first()
}

// first takes out the first connection, whether its time has come or not.
func (q *queue) first() *joined {
	if q.head == len(q.items) {
		return nil
	}
	j := q.items[q.head].joined
	q.items[q.head] = waiter{}
	q.head++
	if q.head > 1024 && q.head > len(q.items)/2 {
		kept := copy(q.items, q.items[q.head:])
		clear(q.items[kept:])
		q.items, q.head = q.items[:kept], 0
	}
	return j
}

// witnesses remembers who was seen at an address, as long as it was one workload alone.
type witnesses struct {
	max  int
	seen map[placeKey]*graph.Node
}

func newWitnesses(limit int) *witnesses { return &witnesses{limit, map[placeKey]*graph.Node{}} }

func (w *witnesses) note(key placeKey, who *graph.Node) {
	before, ok := w.seen[key]
	if ok {
		if before != who {
			w.seen[key] = nil
		}
		return
	}
	if len(w.seen) >= w.max {
		for victim := range w.seen {
			delete(w.seen, victim)
			break
		}
	}
	w.seen[key] = who
}

func (w *witnesses) who(key placeKey) *graph.Node { return w.seen[key] }

// recent remembers keys for a while: two generations of a bounded number.
type recent struct {
	max      int
	now, old map[recentKey]time.Time
}

type recentKey struct {
	join   joinKey
	server uint16
}

func newRecent(limit int) *recent {
	return &recent{max: limit, now: map[recentKey]time.Time{}, old: map[recentKey]time.Time{}}
}

// first tells whether a key has not been seen within a time before.
func (r *recent) first(key recentKey, at time.Time, within time.Duration) bool {
	before, ok := r.now[key]
	if !ok {
		before, ok = r.old[key]
	}
	if len(r.now) >= r.max {
		r.old, r.now = r.now, map[recentKey]time.Time{}
	}
	r.now[key] = at
	return !ok || at.Sub(before).Abs() > within
}
