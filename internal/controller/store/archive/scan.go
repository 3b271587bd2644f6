// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"context"
	"errors"
	"iter"
	"os"
	"slices"
)

// view is what a table holds at one instant: each row is in it once.
type view[R any] struct {
	store    *store[R]
	blocks   []*block[R]
	segments []*segment
}

func (s *store[R]) view(asked *selection[R]) *view[R] {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := &view[R]{store: s}
	for _, b := range append(slices.Clone(s.frozen), s.active) {
		if b.rows > 0 && asked.reaches(b.least, b.most) {
			v.blocks = append(v.blocks, b.snapshot())
		}
	}
	for _, segment := range s.segments {
		if asked.reaches(segment.from, segment.to) {
			segment.acquire()
			v.segments = append(v.segments, segment)
		}
	}
	return v
}

func (v *view[R]) release() {
	for _, segment := range v.segments {
		segment.release()
	}
}

// broken reports a segment that could not be read.
func (v *view[R]) broken(s *segment, err error) error {
	if errors.Is(err, os.ErrNotExist) {
		v.store.missing(s)
	}
	return &SegmentError{Segment: s.path, From: instantOf(s.from), To: instantOf(s.to), Err: err}
}

// missing takes note of a segment that somebody deleted.
func (s *store[R]) missing(gone *segment) {
	s.mu.Lock()
	place := slices.Index(s.segments, gone)
	if place >= 0 {
		s.segments = slices.Delete(s.segments, place, place+1)
	}
	s.mu.Unlock()
	if place >= 0 {
		s.archive.say(Gap{From: instantOf(gone.from), To: instantOf(gone.to), Table: s.table.name, Reason: "its file was deleted by somebody else"})
	}
}

// batchRows is how many rows are made at a time.
const batchRows = 1024

// rows gives the rows that are asked for, in the order of the segments.
func (s *store[R]) rows(ctx context.Context, asked *selection[R]) iter.Seq2[*R, error] {
	return func(yield func(*R, error) bool) {
		v := s.view(asked)
		defer v.release()
		for _, segment := range v.segments {
			if ctx.Err() != nil {
				yield(nil, context.Cause(ctx))
				return
			}
			more, err := v.readSegment(ctx, segment, asked, yield)
			if err != nil && ctx.Err() != nil {
				yield(nil, context.Cause(ctx))
				return
			}
			if err != nil && more {
				more = yield(nil, v.broken(segment, err))
			}
			if !more {
				return
			}
		}
		for _, b := range v.blocks {
			if !give(b, asked.choose(b), yield) {
				return
			}
		}
	}
}

// give makes rows and hands them out.
func give[R any](b *block[R], chosen []int32, yield func(*R, error) bool) bool {
	for part := range slices.Chunk(chosen, batchRows) {
		rows := b.take(part)
		for i := range rows {
			if !yield(&rows[i], nil) {
				return false
			}
		}
	}
	return true
}

// readSegment hands out the rows of a segment, and tells whether more are wanted.
func (v *view[R]) readSegment(ctx context.Context, s *segment, asked *selection[R], yield func(*R, error) bool) (bool, error) {
	o, err := v.store.open(s)
	if err != nil {
		return true, err
	}
	defer o.close()
	groups, err := o.groups()
	if err != nil {
		return true, err
	}
	for _, g := range groups {
		if err := ctx.Err(); err != nil {
			return true, err
		}
		b, chosen, err := g.read(asked, nil)
		if err != nil {
			return true, err
		}
		if len(chosen) > 0 && !give(b, chosen, yield) {
			return false, nil
		}
	}
	return true, nil
}

// visit shows the rows of a group that are asked for. The block holds the columns that tell which those are, and others
// once they are loaded.
func (g *group[R]) visit(asked *selection[R], show func(b *block[R], chosen []int32, load func(columns []int) error) error) error {
	return guarded("reading rows", func() error {
		if !asked.reaches(g.least, g.most) {
			return nil
		}
		for _, c := range asked.conditions {
			if out, err := g.excluded(c); out || err != nil {
				return err
			}
		}
		stretches, err := g.stretches(asked)
		if err != nil || len(stretches) == 0 {
			return err
		}
		g.archive.groupsRead.Add(1)
		b := g.block()
		if err := g.load(b, asked.needs(g.table), stretches); err != nil {
			return err
		}
		chosen := asked.choose(b)
		if len(chosen) == 0 {
			return nil
		}
		return show(b, chosen, func(columns []int) error { return g.load(b, columns, stretches) })
	})
}

// read gives the rows of a group that are asked for. narrow, which may be nil, chooses among them before they are read
// in full.
func (g *group[R]) read(asked *selection[R], narrow func(*block[R], []int32) []int32) (whole *block[R], rows []int32, err error) {
	err = g.visit(asked, func(b *block[R], chosen []int32, load func([]int) error) error {
		if narrow != nil {
			chosen = narrow(b, chosen)
		}
		if len(chosen) == 0 {
			return nil
		}
		all := make([]int, len(g.table.columns))
		for i := range all {
			all[i] = i
		}
		whole, rows = b, chosen
		return load(all)
	})
	if err != nil {
		return nil, nil, err
	}
	return whole, rows, nil
}
