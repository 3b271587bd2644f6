// SPDX-License-Identifier: Apache-2.0

package interp

import (
	"fmt"
	"math/bits"
	"slices"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

// row is what is kept for one key.
type row struct {
	kinds    []ir.Measure
	keys     []ir.Value
	measures []measured
	window   window
}

// measured is one figure as it grows.
type measured struct {
	number, count uint64
	buckets       []uint64
}

// window is what the trigger counts.
type window struct {
	open     bool
	answered bool
	since    uint64
	measures []measured
}

func newRow(kinds []ir.Measure, keys []ir.Value) *row {
	return &row{kinds: kinds, keys: keys, measures: make([]measured, len(kinds))}
}

func (r *row) take(values []ir.Value) {
	for i := range r.kinds {
		r.measures[i].take(&r.kinds[i], values[i])
	}
}

func (r *row) result() ir.Row {
	out := ir.Row{Keys: r.keys, Measures: make([]ir.Measured, len(r.measures))}
	for i, m := range r.measures {
		out.Measures[i] = ir.Measured{Number: m.number, Buckets: slices.Clone(m.buckets)}
		if r.kinds[i].Kind == ir.Average {
			out.Measures[i].Count = m.count
		}
	}
	return out
}

// take is one more match.
func (m *measured) take(kind *ir.Measure, value ir.Value) {
	first := m.count == 0
	m.count++
	signed, n := kind.Type.Kind.Signed(), value.Number
	switch kind.Kind {
	case ir.Count:
		m.number++
	case ir.Sum, ir.Average:
		m.number += n
	case ir.Rate:
		if kind.Type.Kind == ir.Invalid {
			n = 1
		}
		m.number += n
	case ir.Min:
		if first || less(n, m.number, signed) {
			m.number = n
		}
	case ir.Max:
		if first || less(m.number, n, signed) {
			m.number = n
		}
	case ir.Log2Histogram:
		m.bucket(64, log2Bucket(n, signed))
	case ir.Histogram:
		m.bucket(len(kind.Bounds)+1, boundsBucket(n, kind.Bounds, signed))
	case ir.Distinct:
		index, rank := ir.Register(ir.Hash(value, kind.Type), kind.Precision)
		if m.buckets == nil {
			m.buckets = make([]uint64, 1<<kind.Precision)
		}
		m.buckets[index] = max(m.buckets[index], uint64(rank))
	}
}

func (m *measured) bucket(of, index int) {
	if m.buckets == nil {
		m.buckets = make([]uint64, of)
	}
	m.buckets[index]++
}

func less(a, b uint64, signed bool) bool {
	if signed {
		return int64(a) < int64(b)
	}
	return a < b
}

func log2Bucket(n uint64, signed bool) int {
	if signed && int64(n) < 0 {
		return 0
	}
	return min(bits.Len64(n), 63)
}

func boundsBucket(n uint64, bounds []int64, signed bool) int {
	for i, bound := range bounds {
		if less(n, uint64(bound), signed) {
			return i
		}
	}
	return len(bounds)
}

// value is what OpMeasured gives.
func (m *measured) value(kind *ir.Measure) (uint64, error) {
	switch kind.Kind {
	case ir.Count, ir.Sum, ir.Min, ir.Max, ir.Rate:
		return m.number, nil
	case ir.Average:
		return divide(ir.OpDiv, m.number, m.count, kind.Type.Kind.Signed()), nil
	}
	return 0, fmt.Errorf("asking a trigger for %s, which is no number", kind.Name)
}

// trigger lets the window of a key take the measures, and asks whether an event is due.
func (r *run) trigger(of *row, keys, measures []ir.Value) error {
	trigger := r.probe.Trigger
	if of == nil {
		return nil
	}
	w := &of.window
	if !w.open || r.running.Now-w.since >= uint64(trigger.Within) {
		*w = window{open: true, since: r.running.Now, measures: make([]measured, len(trigger.Measures))}
	}
	event := ir.Event{Triggered: true, Keys: keys, Measured: make([]uint64, len(trigger.Measures))}
	for i, index := range trigger.Measures {
		w.measures[i].take(&r.probe.Measures[index], measures[index])
		value, err := w.measures[i].value(&r.probe.Measures[index])
		if err != nil {
			return err
		}
		event.Measured[i] = value
	}
	if w.answered {
		return nil
	}
	r.measured = func(index int) (uint64, error) {
		at := slices.Index(trigger.Measures, index)
		if at < 0 {
			return 0, fmt.Errorf("asking for measure %d, which the trigger does not count", index)
		}
		return event.Measured[at], nil
	}
	if err := r.holds(trigger.When); err != nil {
		return err
	}
	w.answered, r.outcome.Answered = true, true
	emit, err := r.values(r.hook.Emit)
	if err != nil {
		return err
	}
	event.Emit = emit
	return r.send(event)
}
