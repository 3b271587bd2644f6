// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"cmp"
	"container/heap"
	"context"
	"iter"
	"slices"
)

// candidate is a row with its place in the order that is asked for: the greater, the sooner.
type candidate[R any] struct {
	place int64
	row   *R
}

// best keeps the candidates of the greatest places; the least of them is at the top.
type best[R any] struct {
	limit int
	kept  []candidate[R]
}

func (b *best[R]) Len() int           { return len(b.kept) }
func (b *best[R]) Less(i, j int) bool { return b.kept[i].place < b.kept[j].place }
func (b *best[R]) Swap(i, j int)      { b.kept[i], b.kept[j] = b.kept[j], b.kept[i] }
func (b *best[R]) Push(x any)         { b.kept = append(b.kept, x.(candidate[R])) }
func (b *best[R]) Pop() any {
	last := b.kept[len(b.kept)-1]
	b.kept = b.kept[:len(b.kept)-1]
	return last
}

// wants tells whether a row of that place would be kept.
func (b *best[R]) wants(place int64) bool { return len(b.kept) < b.limit || place > b.kept[0].place }

func (b *best[R]) put(place int64, row *R) {
	if !b.wants(place) {
		return
	}
	if len(b.kept) == b.limit {
		b.kept[0] = candidate[R]{place, row}
		heap.Fix(b, 0)
		return
	}
	heap.Push(b, candidate[R]{place, row})
}

// ranking says where a row comes: its end, or less its end where the oldest are asked for.
type ranking[R any] struct {
	*best[R]
	table  *table[R]
	oldest bool
}

func (r *ranking[R]) of(end int64) int64 {
	if r.oldest {
		return -end
	}
	return end
}

// bound is the greatest place that a row between two times may have.
func (r *ranking[R]) bound(least, most int64) int64 {
	if r.oldest {
		return -least
	}
	return most
}

// narrow leaves the rows that may be among the first, foremost first.
func (r *ranking[R]) narrow(b *block[R], chosen []int32) []int32 {
	ends := b.columns[r.table.to].(*instants[R]).elements
	chosen = slices.DeleteFunc(chosen, func(place int32) bool { return !r.wants(r.of(ends[place])) })
	slices.SortFunc(chosen, func(a, c int32) int { return cmp.Compare(r.of(ends[c]), r.of(ends[a])) })
	return chosen[:min(len(chosen), r.limit)]
}

func (r *ranking[R]) take(b *block[R], chosen []int32) {
	ends := b.columns[r.table.to].(*instants[R]).elements
	for part := range slices.Chunk(chosen, batchRows) {
		rows := b.take(part)
		for i, place := range part {
			r.put(r.of(ends[place]), &rows[i])
		}
	}
}

// first gives the newest or the oldest rows that are asked for, in that order. It reads no segment and no row group that
// cannot hold any of them.
func (s *store[R]) first(ctx context.Context, asked *selection[R], order Order) iter.Seq2[*R, error] {
	return func(yield func(*R, error) bool) {
		r := &ranking[R]{best: &best[R]{limit: min(order.Limit, MaxLimit)}, table: s.table, oldest: order.OldestFirst}
		v := s.view(asked)
		defer v.release()
		for _, b := range v.blocks {
			r.take(b, r.narrow(b, asked.choose(b)))
		}
		slices.SortStableFunc(v.segments, func(a, b *segment) int {
			return cmp.Compare(r.bound(b.from, b.to), r.bound(a.from, a.to))
		})
		var failures []error
		for _, segment := range v.segments {
			if ctx.Err() != nil {
				yield(nil, context.Cause(ctx))
				return
			}
			if !r.wants(r.bound(segment.from, segment.to)) {
				break
			}
			if err := v.rank(ctx, segment, asked, r); err != nil && ctx.Err() == nil {
				failures = append(failures, v.broken(segment, err))
			}
		}
		for _, err := range failures {
			if !yield(nil, err) {
				return
			}
		}
		slices.SortStableFunc(r.kept, func(a, b candidate[R]) int { return cmp.Compare(b.place, a.place) })
		for _, kept := range r.kept {
			if !yield(kept.row, nil) {
				return
			}
		}
	}
}

// rank takes the rows of a segment that are among the first.
func (v *view[R]) rank(ctx context.Context, s *segment, asked *selection[R], r *ranking[R]) error {
	o, err := v.store.open(s)
	if err != nil {
		return err
	}
	defer o.close()
	groups, err := o.groups()
	if err != nil {
		return err
	}
	slices.SortStableFunc(groups, func(a, b *group[R]) int {
		return cmp.Compare(r.bound(b.least, b.most), r.bound(a.least, a.most))
	})
	for _, g := range groups {
		if err := ctx.Err(); err != nil {
			return err
		}
		if !r.wants(r.bound(g.least, g.most)) {
			return nil
		}
		b, chosen, err := g.read(asked, r.narrow)
		if err != nil {
			return err
		}
		if len(chosen) > 0 {
			r.take(b, chosen)
		}
	}
	return nil
}
