// SPDX-License-Identifier: Apache-2.0

package run

import (
	"cmp"
	"encoding/binary"
	"slices"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

// Snapshot is what a probe has found since it was started. That of a probe whose hooks are all iterators is what the last whole walk
// has found; without rows before there was one.
type Snapshot struct {
	// Time is when it was read.
	Time time.Time
	// Since is when the probe began to count; for walks, one interval before Time.
	Since time.Time
	// Walked tells that this is what one walk has found: it does not continue what earlier ones have.
	Walked bool
	// Rows are those with the most first: by the measure that Top asks for, else by the first one. With Top they are at most K.
	Rows []ir.Row
	// Other is what found no room, or was left out of the top: without keys; nil where there is none.
	Other *ir.Row
	// Keys is how many different keys are known by now; Forgotten tells that there were more.
	Keys      int
	Forgotten bool
}

// entry is a key that the kernel keeps.
type entry struct {
	key []byte
	row ir.Row
}

// keyOf makes the values of a row's keys comparable.
func keyOf(keys []ir.Value) string {
	var text []byte
	for _, value := range keys {
		text = binary.LittleEndian.AppendUint64(text, value.Number)
		text = binary.LittleEndian.AppendUint32(text, uint32(len(value.Wide)))
		text = append(text, value.Wide...)
	}
	return string(text)
}

// add adds what one row has to another, measure by measure. The row that is added to must not be shared.
func add(p *ir.Probe, into *ir.Row, from ir.Row) {
	if len(into.Measures) == 0 {
		*into = clone(ir.Row{Keys: into.Keys, Measures: from.Measures})
		return
	}
	for i := range into.Measures {
		addMeasured(&p.Measures[i], &into.Measures[i], &from.Measures[i])
	}
}

func addMeasured(m *ir.Measure, into, from *ir.Measured) {
	into.Error += from.Error
	switch m.Kind {
	case ir.Min, ir.Max:
		into.Number = extreme(m, into, from)
	case ir.Distinct:
		for i := range min(len(into.Buckets), len(from.Buckets)) {
			into.Buckets[i] = max(into.Buckets[i], from.Buckets[i])
		}
	default:
		into.Number += from.Number
		for i := range min(len(into.Buckets), len(from.Buckets)) {
			into.Buckets[i] += from.Buckets[i]
		}
	}
	into.Count += from.Count
}

// extreme is the least or greatest of two.
func extreme(m *ir.Measure, a, b *ir.Measured) uint64 {
	less := a.Number < b.Number
	if m.Type.Kind.Signed() {
		less = int64(a.Number) < int64(b.Number)
	}
	if less == (m.Kind == ir.Min) {
		return a.Number
	}
	return b.Number
}

// clone copies a row, so that it can be added to.
func clone(row ir.Row) ir.Row {
	row.Measures = slices.Clone(row.Measures)
	for i := range row.Measures {
		row.Measures[i].Buckets = slices.Clone(row.Measures[i].Buckets)
	}
	return row
}

// Weight is by what rows are ordered: how much of a measure a row has.
func Weight(m *ir.Measure, value *ir.Measured) float64 {
	switch m.Kind {
	case ir.Log2Histogram, ir.Histogram:
		var total uint64
		for _, n := range value.Buckets {
			total += n
		}
		return float64(total)
	case ir.Distinct:
		return ir.Estimate(value.Buckets)
	case ir.Average:
		if value.Count == 0 {
			return 0
		}
		return number(m, value.Number) / float64(value.Count)
	}
	return number(m, value.Number)
}

func number(m *ir.Measure, value uint64) float64 {
	if m.Type.Kind.Signed() {
		return float64(int64(value))
	}
	return float64(value)
}

// order sorts rows, those with the most first; equals by their keys, so that nothing jumps about.
func order(p *ir.Probe, rows []ir.Row) {
	if len(p.Measures) == 0 {
		return
	}
	by := 0
	if p.Top != nil {
		by = p.Top.Measure
	}
	m := &p.Measures[by]
	slices.SortFunc(rows, func(a, b ir.Row) int {
		if c := cmp.Compare(Weight(m, &b.Measures[by]), Weight(m, &a.Measures[by])); c != 0 {
			return c
		}
		return cmp.Compare(keyOf(a.Keys), keyOf(b.Keys))
	})
}
