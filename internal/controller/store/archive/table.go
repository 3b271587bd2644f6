// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"slices"
	"time"

	"github.com/parquet-go/parquet-go"
)

// table describes one of the four tables.
type table[R any] struct {
	name, meaning string
	columns       []column[R]
	// Places of columns: when a row begins and ends, and the text by which rows are sorted before they are by time, or -1.
	from, to, sorted int
	// texts sums the bytes of a row's texts.
	texts func(*R) int
	// coarsen makes fewer rows of those that are merged into stretches of such a length; nil where rows stay as they are.
	coarsen func(rows []R, length time.Duration) []R
	schema  *parquet.Schema
	index   map[string]int
}

// ordered is a group whose fields stay in the order in which they are described.
type ordered struct {
	parquet.Group
	fields []parquet.Field
}

func (o ordered) Fields() []parquet.Field { return o.fields }

func newTable[R any](t table[R], from, to, sorted string) *table[R] {
	t.index = map[string]int{}
	group := parquet.Group{}
	for i, c := range t.columns {
		t.index[c.name] = i
		if c.written == "STRING" {
			group[c.name] = parquet.Compressed(c.node, textCodec)
		} else {
			group[c.name] = parquet.Compressed(c.node, numberCodec)
		}
	}
	fields := group.Fields()
	slices.SortFunc(fields, func(a, b parquet.Field) int { return t.index[a.Name()] - t.index[b.Name()] })
	t.schema = parquet.NewSchema("aeolus_"+t.name, ordered{Group: group, fields: fields})
	t.from, t.to, t.sorted = t.index[from], t.index[to], -1
	if sorted != "" {
		t.sorted = t.index[sorted]
	}
	return &t
}

// newBlock makes a block with room for so many rows; more may be added.
func (t *table[R]) newBlock(room int) *block[R] {
	b := &block[R]{table: t, columns: make([]vector[R], len(t.columns)), least: never, most: never, shared: map[string]*workloads[R]{}}
	for i, c := range t.columns {
		b.columns[i] = c.make(b)
		b.columns[i].grow(room)
	}
	return b
}

// block is rows by column.
type block[R any] struct {
	table   *table[R]
	columns []vector[R]
	rows    int
	// least and most bound the time of the rows; never where there are none.
	least, most int64
	// shared is what several columns are parts of, while rows are added.
	shared map[string]*workloads[R]
}

// addRows is how many rows are taken apart at a time, so that they are in the processor's cache while they are.
const addRows = 32

func (b *block[R]) add(rows []R) {
	from, to := b.columns[b.table.from].(*instants[R]), b.columns[b.table.to].(*instants[R])
	for part := range slices.Chunk(rows, addRows) {
		for _, v := range b.columns {
			v.add(part)
		}
	}
	for i := b.rows; i < b.rows+len(rows); i++ {
		b.reach(from.elements[i], to.elements[i])
	}
	b.rows += len(rows)
}

// reach widens the bounds.
func (b *block[R]) reach(from, to int64) {
	if b.least == never || from < b.least {
		b.least = from
	}
	if b.most == never || to > b.most {
		b.most = to
	}
}

func (b *block[R]) snapshot() *block[R] {
	taken := *b
	taken.columns = make([]vector[R], len(b.columns))
	for i, v := range b.columns {
		taken.columns[i] = v.snapshot()
	}
	return &taken
}

func (b *block[R]) bytes() int64 {
	var n int64
	for _, v := range b.columns {
		n += v.bytes()
	}
	return n
}

// take gives the rows of some places.
func (b *block[R]) take(places []int32) []R {
	rows := make([]R, len(places))
	for _, v := range b.columns {
		v.fill(rows, places)
	}
	return rows
}

// places gives the rows' places in the order in which a segment has them.
func (b *block[R]) places() []int32 {
	order := make([]int32, b.rows)
	for i := range order {
		order[i] = int32(i)
	}
	times := b.columns[b.table.from].(*instants[R]).elements
	if b.table.sorted < 0 {
		slices.SortStableFunc(order, func(a, c int32) int { return compare(times[a], times[c]) })
		return order
	}
	rank, codes := b.columns[b.table.sorted].(interface{ order() ([]int32, []uint32) }).order()
	slices.SortStableFunc(order, func(a, c int32) int {
		if by := compare(rank[codes[a]], rank[codes[c]]); by != 0 {
			return by
		}
		return compare(times[a], times[c])
	})
	return order
}

func compare[T int32 | int64](a, b T) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// ranks gives each text's place among all of them, sorted.
func ranks(values []string) []int32 {
	order := make([]int32, len(values))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int {
		switch {
		case values[a] < values[b]:
			return -1
		case values[a] > values[b]:
			return 1
		}
		return 0
	})
	rank := make([]int32, len(values))
	for place, value := range order {
		rank[value] = int32(place)
		if place > 0 && values[order[place-1]] == values[value] {
			rank[value] = rank[order[place-1]]
		}
	}
	return rank
}
