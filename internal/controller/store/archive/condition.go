// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"math"
	"net/netip"
	"slices"

	"github.com/parquet-go/parquet-go"
)

// condition is something that rows must meet.
type condition[R any] struct {
	// columns that it looks at.
	columns []int
	// test gives the test of the rows of a block that holds these columns.
	test func(*block[R]) func(int32) bool
	// values are what one of the columns must hold, as segments write it; where there are none, filters and indexes of
	// segments cannot help.
	values []parquet.Value
}

// selection is what a query asks of a table.
type selection[R any] struct {
	from, to   int64
	conditions []condition[R]
}

func (t *table[R]) within(r Range) *selection[R] {
	s := &selection[R]{from: never, to: math.MaxInt64}
	if !r.From.IsZero() {
		s.from = nanoseconds(r.From)
	}
	if !r.To.IsZero() {
		s.to = nanoseconds(r.To)
	}
	return s
}

func (t *table[R]) places(names ...string) []int {
	places := make([]int, len(names))
	for i, name := range names {
		places[i] = t.index[name]
	}
	return places
}

// matcher is a column that can be asked which of its rows hold one of some values.
type matcher[V comparable] interface {
	match(wanted map[V]struct{}) func(int32) bool
}

// any asks that one of the columns holds one of the values; without values it asks nothing.
func anyOf[R any, V comparable](s *selection[R], columns []int, wanted []V, written func(V) parquet.Value) {
	if len(wanted) == 0 {
		return
	}
	set := make(map[V]struct{}, len(wanted))
	c := condition[R]{columns: columns}
	for _, value := range wanted {
		set[value] = struct{}{}
		if written != nil {
			c.values = append(c.values, written(value))
		}
	}
	c.test = func(b *block[R]) func(int32) bool {
		tests := make([]func(int32) bool, len(columns))
		for i, column := range columns {
			tests[i] = b.columns[column].(matcher[V]).match(set)
		}
		if len(tests) == 1 {
			return tests[0]
		}
		return func(place int32) bool {
			return slices.ContainsFunc(tests, func(test func(int32) bool) bool { return test(place) })
		}
	}
	s.conditions = append(s.conditions, c)
}

func writtenText(s string) parquet.Value { return parquet.ByteArrayValue([]byte(s)) }

func writtenAddress(a netip.Addr) parquet.Value { return parquet.ByteArrayValue([]byte(a.String())) }

// unless asks that a flag is not set.
func (s *selection[R]) unless(column int, asked bool) {
	if !asked {
		return
	}
	s.conditions = append(s.conditions, condition[R]{columns: []int{column}, test: func(b *block[R]) func(int32) bool {
		elements := b.columns[column].(*flags[R]).elements
		return func(place int32) bool { return !elements[place] }
	}})
}

// not asks that a column of text holds another value than one.
func (s *selection[R]) not(column int, value string, asked bool) {
	if !asked {
		return
	}
	s.conditions = append(s.conditions, condition[R]{columns: []int{column}, test: func(b *block[R]) func(int32) bool {
		same := b.columns[column].(*texts[R]).match(map[string]struct{}{value: {}})
		return func(place int32) bool { return !same(place) }
	}})
}

// reaches tells whether rows between two times may be in the range.
func (s *selection[R]) reaches(least, most int64) bool { return least < s.to && most >= s.from }

// choose gives the places of the rows of a block that are asked for, in the order in which they lie there.
func (s *selection[R]) choose(b *block[R]) []int32 {
	from, to := b.columns[b.table.from].(*instants[R]).elements, b.columns[b.table.to].(*instants[R]).elements
	var chosen []int32
	for i := range from {
		// What began before the range must reach into it, not only touch it.
		if from[i] < s.to && (to[i] > s.from || from[i] >= s.from) {
			chosen = append(chosen, int32(i))
		}
	}
	for _, c := range s.conditions {
		if len(chosen) == 0 {
			return nil
		}
		test := c.test(b)
		chosen = slices.DeleteFunc(chosen, func(place int32) bool { return !test(place) })
	}
	return chosen
}

// needs lists the columns that tell which rows are asked for.
func (s *selection[R]) needs(t *table[R]) []int {
	needed := []int{t.from, t.to}
	for _, c := range s.conditions {
		needed = append(needed, c.columns...)
	}
	slices.Sort(needed)
	return slices.Compact(needed)
}
