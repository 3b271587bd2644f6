// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"syscall"
	"time"
)

// level says how segments of a level become one of the next.
type level struct {
	// span is the stretch of time whose segments are merged, length that to which rows are added up.
	span, length time.Duration
	// wait is how long after the span's end they are.
	wait time.Duration
}

var levels = [...]level{
	levelMinute: {span: time.Hour, length: time.Minute, wait: 2 * time.Minute},
	levelHour:   {span: 24 * time.Hour, length: 10 * time.Minute, wait: 24 * time.Hour},
}

// maxMergeTexts bounds the bytes of text that wait in memory while segments are merged.
const maxMergeTexts = 32 << 20

// mergeShare is which part of what may be kept one merged segment may be.
const mergeShare = 32

// merge merges what lies far enough in the past.
func (s *store[R]) merge(ctx context.Context, now time.Time) error {
	for from := range levels {
		for _, run := range s.runs(from, now) {
			if ctx.Err() != nil {
				return nil
			}
			if err := s.mergeRun(ctx, from, run); err != nil {
				return fmt.Errorf("merging %s: %w", s.table.name, err)
			}
		}
	}
	return nil
}

// runs gives the segments of a level that are to become one, run by run. A segment belongs to the span in which it ends:
// rows that came late stay with those that they came with.
func (s *store[R]) runs(from int, now time.Time) [][]*segment {
	s.mu.Lock()
	defer s.mu.Unlock()
	rule := levels[from]
	spans := map[int64][]*segment{}
	var order []int64
	for _, segment := range s.segments {
		if segment.level != from {
			continue
		}
		begin := instantOf(segment.to).Truncate(rule.span)
		if begin.Add(rule.span + rule.wait).After(now) {
			continue
		}
		key := begin.Unix()
		if spans[key] == nil {
			order = append(order, key)
		}
		spans[key] = append(spans[key], segment)
	}
	most := s.archive.config.RetentionBytes / mergeShare
	var runs [][]*segment
	for _, key := range order {
		var run []*segment
		var size int64
		for _, segment := range spans[key] {
			if len(run) > 0 && size+segment.bytes > most {
				runs, run, size = append(runs, run), nil, 0
			}
			run, size = append(run, segment), size+segment.bytes
		}
		runs = append(runs, run)
	}
	return runs
}

// mergeRun writes one segment in place of some. The new one names those that it replaces, so that a process that is
// killed before they are deleted leaves nothing that is counted twice.
func (s *store[R]) mergeRun(ctx context.Context, from int, run []*segment) error {
	for _, segment := range run {
		segment.acquire()
		defer segment.release()
	}
	w, err := s.newWriter(from + 1)
	if err != nil {
		return err
	}
	defer w.abandon()
	m := &merger[R]{writer: w, length: levels[from].length}
	var replaces []uint64
	merged := run[:0:0]
	for _, segment := range run {
		if err := s.mergeSegment(ctx, m, segment); err != nil {
			if ctx.Err() != nil || m.failed {
				return err
			}
			return s.excludeBroken(segment, err)
		}
		merged = append(merged, segment)
		replaces = append(append(replaces, segment.sequence), segment.replaces...)
	}
	if err := m.flush(0); err != nil {
		return err
	}
	made, err := w.finish(replaces)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.segments = slices.DeleteFunc(s.segments, func(old *segment) bool { return slices.Contains(merged, old) })
	s.insert(made)
	s.mu.Unlock()
	s.archive.step("merged")
	for _, old := range merged {
		if err := old.remove(); err != nil {
			return err
		}
	}
	return nil
}

// excludeBroken takes a segment that holds nonsense out of the way; the others are merged the next time. What the system
// said of a file may be over by then.
func (s *store[R]) excludeBroken(broken *segment, reason error) error {
	if errors.Is(reason, os.ErrNotExist) {
		s.missing(broken)
		return nil
	}
	var number syscall.Errno
	if errors.As(reason, &number) {
		return reason
	}
	s.mu.Lock()
	s.segments = slices.DeleteFunc(s.segments, func(old *segment) bool { return old == broken })
	s.mu.Unlock()
	s.archive.setAside(broken.path, reason)
	return nil
}

func (s *store[R]) mergeSegment(ctx context.Context, m *merger[R], from *segment) error {
	o, err := s.open(from)
	if err != nil {
		return err
	}
	defer o.close()
	groups, err := o.groups()
	if err != nil {
		return err
	}
	everything := s.table.within(Range{})
	for _, g := range groups {
		if err := ctx.Err(); err != nil {
			return err
		}
		b, chosen, err := g.read(everything, nil)
		if err != nil {
			return err
		}
		if len(chosen) == 0 {
			continue
		}
		if err := m.add(b.take(chosen)); err != nil {
			m.failed = true
			return err
		}
	}
	return nil
}

// merger collects rows and writes them as row groups, each of a stretch of time.
type merger[R any] struct {
	writer *writer[R]
	length time.Duration
	rows   []R
	// texts sums the bytes of what the rows say, since all were written.
	texts int
	// failed: it was the writing that failed, not the reading.
	failed bool
}

func (m *merger[R]) add(rows []R) error {
	for i := range rows {
		m.texts += m.writer.store.table.texts(&rows[i])
	}
	m.rows = append(m.rows, rows...)
	if m.texts >= maxMergeTexts {
		return m.flush(0)
	}
	if len(m.rows) < 2*groupRows {
		return nil
	}
	if coarsen := m.writer.store.table.coarsen; coarsen != nil {
		m.rows = coarsen(m.rows, m.length)
	}
	// What is newest stays: the next segment may have more of the same stretches.
	return m.flush(groupRows)
}

// flush writes all but so many of the newest rows.
func (m *merger[R]) flush(keep int) error {
	t := m.writer.store.table
	if keep == 0 && t.coarsen != nil {
		m.rows = t.coarsen(m.rows, m.length)
	}
	defer m.measure()
	if len(m.rows) <= keep {
		return nil
	}
	begin := t.newBlock(0).columns[t.from].(*instants[R]).get
	slices.SortStableFunc(m.rows, func(a, b R) int { return compare(begin(&a), begin(&b)) })
	ready := len(m.rows) - keep
	for part := range slices.Chunk(m.rows[:ready], groupRows) {
		b := t.newBlock(len(part))
		b.add(part)
		if err := m.writer.block(b); err != nil {
			return err
		}
	}
	m.rows = append(m.rows[:0:0], m.rows[ready:]...)
	return nil
}

// measure sums what the rows say that wait.
func (m *merger[R]) measure() {
	m.texts = 0
	for i := range m.rows {
		m.texts += m.writer.store.table.texts(&m.rows[i])
	}
}
