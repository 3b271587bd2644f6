// SPDX-License-Identifier: Apache-2.0

package track

import "github.com/aeolus-ebpf/aeolus/internal/model"

const (
	// tombstoneLife is how long an ended connection is remembered: longer than a snapshot of a walk can be under way.
	tombstoneLife = uint64(30e9)
	// maxTombstones bounds the memory; the oldest go first.
	maxTombstones = 65_536
)

// tombstone remembers a connection that has ended, so that an older snapshot does not begin it again.
type tombstone struct {
	// at is when it was last seen; buried is when the table dropped it.
	at, buried uint64
	// closed tells that it really closed; else walks only missed it.
	closed              bool
	opened, established bool
	reported            model.Counters
}

// tombstones are kept in the order of burial.
type tombstones struct {
	byCookie map[uint64]tombstone
	order    []grave
	head     int
}

// grave is an entry of the order; it counts only while byCookie has the same burial.
type grave struct{ cookie, buried uint64 }

func newTombstones() tombstones { return tombstones{byCookie: map[uint64]tombstone{}} }

func (t *tombstones) find(cookie uint64) (tombstone, bool) {
	found, ok := t.byCookie[cookie]
	return found, ok
}

func (t *tombstones) remove(cookie uint64) { delete(t.byCookie, cookie) }

func (t *tombstones) bury(cookie uint64, stone tombstone) {
	t.byCookie[cookie] = stone
	t.order = append(t.order, grave{cookie, stone.buried})
	for len(t.order)-t.head > maxTombstones {
		t.dropOldest()
	}
}

// expire forgets what was buried long ago.
func (t *tombstones) expire(now uint64) {
	for t.head < len(t.order) && t.order[t.head].buried+tombstoneLife < now {
		t.dropOldest()
	}
}

func (t *tombstones) dropOldest() {
	oldest := t.order[t.head]
	t.head++
	if t.byCookie[oldest.cookie].buried == oldest.buried {
		delete(t.byCookie, oldest.cookie)
	}
	if t.head > len(t.order)/2 {
		t.order = append(t.order[:0], t.order[t.head:]...)
		t.head = 0
	}
}
