// SPDX-License-Identifier: Apache-2.0

package run

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

// topProbe counts by a number and asks for those with the most.
func topProbe(k, entries int) *ir.Probe {
	return &ir.Probe{
		Keys:     []ir.Field{{Name: "key", Type: ir.Type{Kind: ir.Uint}}},
		Measures: []ir.Measure{{Name: "count", Kind: ir.Count}, {Name: "most", Kind: ir.Max, Type: ir.Type{Kind: ir.Int}}},
		Top:      &ir.Top{K: k}, Entries: entries,
	}
}

// kernel plays the kernel's part: a map of so many keys, and the row of all others.
type kernel struct {
	rows     map[uint64]*ir.Row
	capacity int
	other    ir.Row
}

func (k *kernel) match(p *ir.Probe, key uint64) {
	one := ir.Row{Keys: []ir.Value{{Number: key}}, Measures: []ir.Measured{{Number: 1}, {Number: key}}}
	row, ok := k.rows[key]
	switch {
	case ok:
		add(p, row, one)
	case len(k.rows) < k.capacity:
		fresh := clone(one)
		k.rows[key] = &fresh
	default:
		add(p, &k.other, one)
	}
}

func (k *kernel) entries() []entry {
	var all []entry
	for key, row := range k.rows {
		all = append(all, entry{key: []byte{byte(key), byte(key >> 8), byte(key >> 16)}, row: clone(*row)})
	}
	return all
}

// TestSummaryBounds: whatever comes in which order, a key's true count lies between what is shown and that plus its error, and
// nothing is missing from the sum.
func TestSummaryBounds(t *testing.T) {
	for seed := range uint64(40) {
		random := rand.New(rand.NewPCG(seed, 7))
		p := topProbe(5, 32)
		s := newSummary(p, 40)
		k := &kernel{rows: map[uint64]*ir.Row{}, capacity: 32}
		truth, total := map[uint64]uint64{}, uint64(0)
		zipf := rand.NewZipf(random, 1.2, 2, 2000)
		for range 300 {
			for range random.IntN(60) {
				key := zipf.Uint64()
				k.match(p, key)
				truth[key]++
				total++
			}
			other := s.amounts(&k.other)
			for _, e := range s.leaving(k.entries(), other, 24, 16) {
				key := e.row.Keys[0].Number
				s.take(keyOf(e.row.Keys), *k.rows[key], other)
				delete(k.rows, key)
			}
			s.shrink()
			require.LessOrEqual(t, len(s.keys), 40+32)
		}
		running := &Probe{ir: p, summary: s}
		shown, other := running.summarise(k.entries(), &k.other)
		var sum uint64
		for _, row := range shown {
			key, got := row.Keys[0].Number, row.Measures[0]
			require.LessOrEqual(t, got.Number, truth[key], "key %d", key)
			require.GreaterOrEqual(t, got.Number+got.Error, truth[key], "key %d", key)
			require.Equal(t, key, row.Measures[1].Number, "the greatest of equal values")
			sum += got.Number
		}
		require.Equal(t, total, sum+other.Measures[0].Number)
		// The first one is so far ahead that it cannot be missed.
		order(p, shown)
		require.Zero(t, shown[0].Keys[0].Number)
	}
}

// TestSummaryIsExactWhereThereIsRoom: keys that were taken out and have come back have lost nothing.
func TestSummaryIsExactWhereThereIsRoom(t *testing.T) {
	p := topProbe(3, 8)
	s := newSummary(p, 1000)
	k := &kernel{rows: map[uint64]*ir.Row{}, capacity: 8}
	for round := range 50 {
		for i := range uint64(4) {
			k.match(p, i+uint64(round)%25*4)
		}
		none := s.amounts(nil)
		for _, e := range s.leaving(k.entries(), none, 4, 2) {
			key := e.row.Keys[0].Number
			s.take(keyOf(e.row.Keys), *k.rows[key], none)
			delete(k.rows, key)
		}
	}
	shown, other := (&Probe{ir: p, summary: s}).summarise(k.entries(), nil)
	require.Nil(t, other)
	require.Len(t, shown, 100)
	for _, row := range shown {
		require.Equal(t, ir.Measured{Number: 2}, row.Measures[0])
	}
}

func TestAddAndOrder(t *testing.T) {
	p := &ir.Probe{
		Keys: []ir.Field{{Name: "k", Type: ir.Type{Kind: ir.Int}}},
		Measures: []ir.Measure{
			{Kind: ir.Min, Type: ir.Type{Kind: ir.Int}}, {Kind: ir.Max, Type: ir.Type{Kind: ir.Uint}}, {Kind: ir.Average, Type: ir.Type{Kind: ir.Duration}},
			{Kind: ir.Log2Histogram}, {Kind: ir.Distinct, Precision: 4},
		},
	}
	a := ir.Row{Measures: []ir.Measured{{Number: 5}, {Number: 5}, {Number: 10, Count: 1}, {Buckets: []uint64{1, 2}}, {Buckets: []uint64{3, 0}}}}
	minusOne := ^uint64(0)
	b := ir.Row{Measures: []ir.Measured{{Number: minusOne}, {Number: minusOne}, {Number: 30, Count: 3}, {Buckets: []uint64{0, 5}}, {Buckets: []uint64{1, 4}}}}
	sum := clone(a)
	add(p, &sum, b)
	require.Equal(t, []ir.Measured{{Number: minusOne}, {Number: minusOne}, {Number: 40, Count: 4}, {Buckets: []uint64{1, 7}}, {Buckets: []uint64{3, 4}}}, sum.Measures)
	require.Equal(t, []uint64{1, 2}, a.Measures[3].Buckets, "what was added to is a copy")
	require.InDelta(t, 10, Weight(&p.Measures[2], &sum.Measures[2]), 1e-9)
	require.InDelta(t, 8, Weight(&p.Measures[3], &sum.Measures[3]), 1e-9)

	rows := []ir.Row{
		{Keys: []ir.Value{{Number: 2}}, Measures: []ir.Measured{{Number: 1}, {}, {}, {}, {}}},
		{Keys: []ir.Value{{Number: 1}}, Measures: []ir.Measured{{Number: 1}, {}, {}, {}, {}}},
		{Keys: []ir.Value{{Number: 3}}, Measures: []ir.Measured{{Number: minusOne}, {}, {}, {}, {}}},
	}
	order(p, rows)
	var keys []uint64
	for _, row := range rows {
		keys = append(keys, row.Keys[0].Number)
	}
	require.Equal(t, []uint64{1, 2, 3}, keys)
	require.True(t, slices.IsSortedFunc(rows[:2], func(a, b ir.Row) int { return int(a.Keys[0].Number) - int(b.Keys[0].Number) }))
}
