// SPDX-License-Identifier: Apache-2.0

package interp

import (
	"cmp"
	"slices"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

// Top are the rows with the most of the measure that the probe asks for, those with the most first, and all others together:
// nil if there are none. Without Probe.Top it is all rows by the first measure.
func (m *Machine) Top() (rows []ir.Row, other *ir.Row) {
	names := make([]string, 0, len(m.rows))
	for name := range m.rows {
		names = append(names, name)
	}
	count, by := len(names), 0
	if top := m.probe.Top; top != nil {
		count, by = min(count, top.K), top.Measure
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(m.rows[b].compare(m.rows[a], by), cmp.Compare(a, b))
	})
	for _, name := range names[:count] {
		rows = append(rows, m.rows[name].result())
	}
	if count == len(names) && m.other == nil {
		return rows, nil
	}
	rest := newRow(m.probe.Measures, nil)
	for _, name := range names[count:] {
		rest.join(m.rows[name])
	}
	if m.other != nil {
		rest.join(m.other)
	}
	result := rest.result()
	return rows, &result
}

// compare tells which of two rows has more of a measure.
func (r *row) compare(with *row, by int) int {
	if by >= len(r.kinds) {
		return 0
	}
	kind, a, b := &r.kinds[by], &r.measures[by], &with.measures[by]
	switch kind.Kind {
	case ir.Log2Histogram, ir.Histogram:
		return cmp.Compare(a.count, b.count)
	case ir.Distinct:
		return cmp.Compare(ir.Estimate(a.buckets), ir.Estimate(b.buckets))
	case ir.Average:
		return cmp.Compare(a.mean(kind), b.mean(kind))
	}
	if kind.Type.Kind.Signed() {
		return cmp.Compare(int64(a.number), int64(b.number))
	}
	return cmp.Compare(a.number, b.number)
}

func (m *measured) mean(kind *ir.Measure) float64 {
	if kind.Type.Kind.Signed() {
		return float64(int64(m.number)) / float64(m.count)
	}
	return float64(m.number) / float64(m.count)
}

// join adds what another row has.
func (r *row) join(from *row) {
	for i := range r.measures {
		into, other, kind := &r.measures[i], &from.measures[i], &r.kinds[i]
		signed, first := kind.Type.Kind.Signed(), into.count == 0
		switch kind.Kind {
		case ir.Min:
			if first || less(other.number, into.number, signed) {
				into.number = other.number
			}
		case ir.Max:
			if first || less(into.number, other.number, signed) {
				into.number = other.number
			}
		default:
			into.number += other.number
		}
		into.count += other.count
		if into.buckets == nil && len(other.buckets) > 0 {
			into.buckets = make([]uint64, len(other.buckets))
		}
		for k, n := range other.buckets {
			if kind.Kind == ir.Distinct {
				into.buckets[k] = max(into.buckets[k], n)
			} else {
				into.buckets[k] += n
			}
		}
	}
}
