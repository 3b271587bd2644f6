// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"
)

// folder is a column whose elements are added to rows, rather than made into rows.
type folder[R any] interface {
	fold(rows []R, slots, places []int32)
}

func (v *integers[R, T]) fold(rows []R, slots, places []int32) {
	for i, place := range places {
		element := v.elements[place]
		if element == 0 {
			continue
		}
		field := v.field(&rows[slots[i]])
		switch {
		case !v.nullable:
			*field += element
		case *field == 0 || element < *field:
			// What may be null is the least of something.
			*field = element
		}
	}
}

func (v *reals[R]) fold(rows []R, slots, places []int32) {
	for i, place := range places {
		*v.field(&rows[slots[i]]) += v.elements[place]
	}
}

func (v *flags[R]) fold(rows []R, slots, places []int32) {
	for i, place := range places {
		if v.elements[place] {
			*v.field(&rows[slots[i]]) = true
		}
	}
}

// edgeSums adds up rows of edges by columns: that is several times cheaper than to make rows of them.
type edgeSums struct {
	table *table[Edge]
	slots map[string]int32
	rows  []Edge
	// newest is, by slot, when the newest stretch began that is in it.
	newest []int64
	from   []int64
	to     []int64
	// Columns that name an edge, that are folded, and that need care.
	named, folded []int
	ports, open   int
	// scratch is what row groups are read into.
	scratch *block[Edge]
}

func newEdgeSums(t *table[Edge]) *edgeSums {
	s := &edgeSums{table: t, slots: map[string]int32{}, ports: t.index["server_ports"], open: t.index["open"], scratch: t.newBlock(0)}
	counters := t.index["by_client"]
	for i := range t.columns {
		switch {
		case i == t.from || i == t.to || i == s.ports || i == s.open:
		case i < counters:
			s.named = append(s.named, i)
		default:
			s.folded = append(s.folded, i)
		}
	}
	return s
}

// add adds the rows of some places. load makes sure that the block holds columns.
func (s *edgeSums) add(b *block[Edge], places []int32, load func(columns []int) error) error {
	if len(places) == 0 {
		return nil
	}
	if err := load(append(slices.Clone(s.folded), s.ports, s.open, s.table.sorted, s.table.from, s.table.to)); err != nil {
		return err
	}
	ids := b.columns[s.table.sorted].(*texts[Edge])
	slotOf := make([]int32, len(ids.values))
	for i := range slotOf {
		slotOf[i] = -1
	}
	slots := make([]int32, len(places))
	known := len(s.rows)
	var fresh []int32
	for i, place := range places {
		code := ids.codes[place]
		if slotOf[code] < 0 {
			slot, ok := s.slots[ids.values[code]]
			if !ok {
				slot = s.make(ids.values[code])
				fresh = append(fresh, place)
			}
			slotOf[code] = slot
		}
		slots[i] = slotOf[code]
	}
	if len(fresh) > 0 {
		if err := load(s.named); err != nil {
			return err
		}
		for _, column := range s.named {
			b.columns[column].fill(s.rows[known:], fresh)
		}
	}
	for _, column := range s.folded {
		b.columns[column].(folder[Edge]).fold(s.rows, slots, places)
	}
	s.times(b, slots, places)
	s.unitePorts(b, slots, places)
	return nil
}

func (s *edgeSums) make(id string) int32 {
	slot := int32(len(s.rows))
	s.slots[id] = slot
	s.rows = append(s.rows, Edge{})
	s.newest, s.from, s.to = append(s.newest, never), append(s.from, never), append(s.to, never)
	return slot
}

func (s *edgeSums) times(b *block[Edge], slots, places []int32) {
	from, to := b.columns[s.table.from].(*instants[Edge]).elements, b.columns[s.table.to].(*instants[Edge]).elements
	open := b.columns[s.open].(*integers[Edge, int32]).elements
	for i, place := range places {
		slot := slots[i]
		if from[place] >= s.newest[slot] {
			s.newest[slot] = from[place]
			s.rows[slot].Open = open[place]
		}
		if s.from[slot] == never || from[place] < s.from[slot] {
			s.from[slot] = from[place]
		}
		s.to[slot] = max(s.to[slot], to[place])
	}
}

func (s *edgeSums) unitePorts(b *block[Edge], slots, places []int32) {
	ports := b.columns[s.ports].(*texts[Edge])
	type pair struct{ slot, code uint32 }
	last, done := pair{}, map[pair]struct{}{}
	for i, place := range places {
		this := pair{uint32(slots[i]), ports.codes[place]}
		if this == last && i > 0 {
			continue
		}
		last = this
		if _, ok := done[this]; ok {
			continue
		}
		done[this] = struct{}{}
		row := &s.rows[slots[i]]
		row.Ports = unitePorts(row.Ports, parsePorts(ports.values[ports.codes[place]]))
	}
}

// SumEdges adds up what each edge did in a range: one row for each, which spans what its rows span, and names its ends as
// the newest of them do. An edge whose rows reach beyond the range tells of more than the range: divide by the row's
// length. Where segments could not be read, the error says so beside the answer from the others.
func (a *Archive) SumEdges(ctx context.Context, query EdgeQuery) ([]Edge, error) {
	store, asked := a.edges, a.selectEdges(query)
	sums := newEdgeSums(store.table)
	v := store.view(asked)
	defer v.release()
	// The newest come first: whose names are known needs no others.
	slices.Reverse(v.blocks)
	for _, b := range v.blocks {
		if err := sums.add(b, asked.choose(b), func([]int) error { return nil }); err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(v.segments, func(a, b *segment) int { return cmp.Compare(b.to, a.to) })
	var failures []error
	for _, segment := range v.segments {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if err := a.sumSegment(ctx, segment, asked, sums); err != nil && ctx.Err() == nil {
			failures = append(failures, v.broken(segment, err))
		}
	}
	for i := range sums.rows {
		sums.rows[i].From = instantOf(sums.from[i])
		sums.rows[i].Length = time.Duration(sums.to[i] - sums.from[i])
	}
	return sums.rows, errors.Join(failures...)
}

func (a *Archive) sumSegment(ctx context.Context, s *segment, asked *selection[Edge], sums *edgeSums) error {
	o, err := a.edges.open(s)
	if err != nil {
		return err
	}
	defer o.close()
	o.scratch = sums.scratch
	groups, err := o.groups()
	if err != nil {
		return err
	}
	for _, g := range groups {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := g.visit(asked, sums.add); err != nil {
			return err
		}
	}
	return nil
}
