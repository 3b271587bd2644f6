// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"slices"
	"sync"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/loss"
)

// The causes of dropped rows.
const (
	dropFull     = "head-full"
	dropDisk     = "disk"
	dropLarge    = "row-too-large"
	dropTimeless = "without-time"
	dropClosed   = "closed"
)

// memoryParts is into how many parts the rows are cut that stay in memory alone: the oldest part makes room.
const memoryParts = 8

// store holds one table: its head, what waits for the disk, and its segments.
type store[R any] struct {
	table    *table[R]
	archive  *Archive
	stage    *loss.Stage
	maxRows  int
	maxBytes int64

	// sealing is held while blocks are written, so that they are in order.
	sealing sync.Mutex

	mu     sync.Mutex
	active *block[R]
	// begun is when the active block got its first row.
	begun time.Time
	// frozen blocks wait for the disk, oldest first; without a directory they stay.
	frozen      []*block[R]
	frozenRows  int
	frozenBytes int64
	activeBytes int64
	segments    []*segment
	failing     bool
	closed      bool
	dropped     map[string]uint64
}

func newStore[R any](a *Archive, t *table[R], maxRows int) *store[R] {
	return &store[R]{
		table: t, archive: a, stage: a.config.Ledger.Stage("archive." + t.name), maxRows: maxRows, maxBytes: a.config.HeadBytes,
		active: t.newBlock(0), dropped: map[string]uint64{},
	}
}

// drop is called with the lock held.
func (s *store[R]) drop(cause string, n int) {
	if n > 0 {
		s.stage.Drop(cause, uint64(n))
		s.dropped[cause] += uint64(n)
	}
}

// fault says why a row cannot be kept.
func (s *store[R]) fault(row *R, begin func(*R) int64) string {
	if begin(row) == never {
		return dropTimeless
	}
	if s.table.texts(row) > maxTexts {
		return dropLarge
	}
	return ""
}

// sound gives the rows that can be kept; most often that is all of them.
func (s *store[R]) sound(rows []R) []R {
	begin := s.active.columns[s.table.from].(*instants[R]).get
	for i := range rows {
		if s.fault(&rows[i], begin) == "" {
			continue
		}
		kept := slices.Clone(rows[:i])
		for k := i; k < len(rows); k++ {
			if cause := s.fault(&rows[k], begin); cause != "" {
				s.drop(cause, 1)
			} else {
				kept = append(kept, rows[k])
			}
		}
		return kept
	}
	return rows
}

// add takes rows, as far as there is room. It never waits for the disk.
func (s *store[R]) add(rows []R) {
	if len(rows) == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stage.In(uint64(len(rows)))
	if s.closed {
		s.drop(dropClosed, len(rows))
		return
	}
	rows = s.sound(rows)
	for len(rows) > 0 {
		room := s.room()
		if room == 0 {
			cause := dropFull
			if s.failing {
				cause = dropDisk
			}
			s.drop(cause, len(rows))
			return
		}
		n := min(room, len(rows))
		if s.active.rows == 0 {
			s.begun = s.archive.config.Now()
		}
		s.active.add(rows[:n])
		rows = rows[n:]
		s.activeBytes = s.active.bytes()
	}
	if s.archive.onDisk() && (s.active.rows >= s.maxRows/2 || s.activeBytes >= s.maxBytes/2) {
		s.archive.wakeUp()
	}
}

// room is how many rows may be added before the bounds are looked at again.
func (s *store[R]) room() int {
	const step = 1024
	if !s.archive.onDisk() {
		if s.active.rows >= max(s.maxRows/memoryParts, 1) || s.activeBytes >= s.maxBytes/memoryParts {
			s.freeze()
		}
		for len(s.frozen) > 0 && (s.frozenRows+s.active.rows >= s.maxRows || s.frozenBytes+s.activeBytes >= s.maxBytes) {
			s.forgetOldest()
		}
	}
	if s.frozenBytes+s.activeBytes >= s.maxBytes {
		return 0
	}
	return max(min(s.maxRows-s.frozenRows-s.active.rows, step), 0)
}

// freeze ends the active block and begins another. It is called with the lock held.
func (s *store[R]) freeze() {
	if s.active.rows == 0 {
		return
	}
	s.frozen = append(s.frozen, s.active)
	s.frozenRows += s.active.rows
	s.frozenBytes += s.active.bytes()
	// The next will be about as large.
	s.active, s.activeBytes = s.table.newBlock(min(s.active.rows+s.active.rows/8, s.maxRows/2)), 0
}

// forgetOldest lets go of the oldest frozen block. It is called with the lock held.
func (s *store[R]) forgetOldest() {
	oldest := s.frozen[0]
	s.frozen = slices.Delete(s.frozen, 0, 1)
	s.frozenRows -= oldest.rows
	s.frozenBytes -= oldest.bytes()
	s.stage.Out(uint64(oldest.rows))
}

// due tells whether the active block is old or large enough to be sealed. It is called with the lock held.
func (s *store[R]) due(now time.Time) bool {
	if s.active.rows == 0 {
		return false
	}
	age := now.Sub(s.begun)
	// A clock that went back says nothing of the block's age.
	return age >= sealEvery || age < 0 || s.active.rows >= s.maxRows/2 || s.activeBytes >= s.maxBytes/2
}

// seal writes what is due, or everything, as segments. What cannot be written stays in memory, and is tried again.
func (s *store[R]) seal(everything bool) error {
	s.sealing.Lock()
	defer s.sealing.Unlock()
	s.mu.Lock()
	if everything || s.due(s.archive.config.Now()) {
		s.freeze()
	}
	waiting := slices.Clone(s.frozen)
	s.mu.Unlock()
	for _, b := range waiting {
		made, err := s.write(b)
		s.mu.Lock()
		s.failing = err != nil
		if err != nil {
			s.mu.Unlock()
			return err
		}
		s.forgetOldest()
		s.insert(made)
		s.mu.Unlock()
	}
	return nil
}

func (s *store[R]) write(b *block[R]) (*segment, error) {
	w, err := s.newWriter(levelMinute)
	if err != nil {
		return nil, err
	}
	defer w.abandon()
	if err := w.block(b); err != nil {
		return nil, err
	}
	return w.finish(nil)
}

// insert adds a segment, in the order of time. It is called with the lock held.
func (s *store[R]) insert(made *segment) {
	place, _ := slices.BinarySearchFunc(s.segments, made, olderSegment)
	s.segments = slices.Insert(s.segments, place, made)
}

// unsealed is when the oldest row that is in memory alone began, as far as a head of ordinary age can tell; never where
// there is none.
func (s *store[R]) unsealed() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	oldest := int64(never)
	for _, b := range append(slices.Clone(s.frozen), s.active) {
		if b.rows > 0 && (oldest == never || b.least < oldest) {
			oldest = b.least
		}
	}
	return oldest
}

func (s *store[R]) bounds() TableBounds {
	s.mu.Lock()
	defer s.mu.Unlock()
	reach := block[R]{least: never, most: never}
	for _, b := range append(slices.Clone(s.frozen), s.active) {
		if b.rows > 0 {
			reach.reach(b.least, b.most)
		}
	}
	for _, segment := range s.segments {
		reach.reach(segment.from, segment.to)
	}
	return TableBounds{Oldest: instantOf(reach.least), Newest: instantOf(reach.most)}
}

func (s *store[R]) stats() TableStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	stats := TableStats{
		Table: s.table.name, HeadRows: int64(s.frozenRows + s.active.rows), HeadBytes: s.frozenBytes + s.active.bytes(),
		Segments: len(s.segments), Dropped: map[string]uint64{},
	}
	for _, segment := range s.segments {
		stats.Rows += segment.rows
		stats.Bytes += segment.bytes
	}
	for cause, n := range s.dropped {
		stats.Dropped[cause] = n
	}
	return stats
}

func (s *store[R]) close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
}

// name is the table's.
func (s *store[R]) name() string { return s.table.name }
