// SPDX-License-Identifier: Apache-2.0

package proof_test

import (
	"math/rand/v2"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/probe/interp/arbitrary"
	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

// scoped are the owners in the scope of drawn probes.
var scoped = map[uint64]bool{1: true, 3: true, 5: true, 6: true}

// wholes draws whole probes of raw tracepoints.
type wholes struct {
	random *rand.Rand
	draw   *arbitrary.Drawer
}

func (w *wholes) one(in int) bool { return w.random.IntN(in) == 0 }

func (w *wholes) argument(t ir.Type, index int) *ir.Expr {
	return &ir.Expr{Op: ir.OpContext, Type: t, Load: ir.Load{Offset: 8 * index, Size: 8}}
}

func apply(op ir.Op, kind ir.Kind, args ...*ir.Expr) *ir.Expr {
	return &ir.Expr{Op: op, Type: ir.Type{Kind: kind}, Args: args}
}

func constant(kind ir.Kind, n uint64) *ir.Expr {
	return &ir.Expr{Op: ir.OpConst, Type: ir.Type{Kind: kind}, Const: n}
}

// few is a number of few values, so that keys come again.
func (w *wholes) few(of uint64) *ir.Expr {
	return apply(ir.OpBitAnd, ir.Uint, w.argument(ir.Type{Kind: ir.Uint}, 3+w.random.IntN(3)), constant(ir.Uint, of))
}

// mostly holds more often than not.
func (w *wholes) mostly() *ir.Expr {
	drawn := w.draw.Expr(ir.Type{Kind: ir.Bool}, 3)
	if w.one(3) {
		return drawn
	}
	some := apply(ir.OpNe, ir.Bool, w.argument(ir.Type{Kind: ir.Int}, 7), constant(ir.Int, 0))
	return apply(ir.OpOr, ir.Bool, some, drawn)
}

func (w *wholes) probe() *ir.Probe {
	p := &ir.Probe{Name: "drawn", Entries: 1 + w.random.IntN(6), Budget: ir.Budget{CPU: 1_000_000, Memory: 64 << 20, Events: 1_000_000_000}}
	hooks := 1 + w.random.IntN(2)
	for range hooks {
		p.Hooks = append(p.Hooks, ir.Hook{Kind: ir.RawTracepoint, Target: "drawn", Where: w.mostly()})
	}
	if w.one(3) {
		w.pair(p)
	}
	w.keys(p)
	w.measures(p)
	for range w.random.IntN(4) {
		t := w.draw.Type()
		p.Emit = append(p.Emit, ir.Field{Name: "emitted", Type: t})
		for i := range p.Hooks {
			p.Hooks[i].Emit = append(p.Hooks[i].Emit, w.value(p, t, 3))
		}
	}
	for i := range p.Hooks {
		if w.one(3) {
			p.Hooks[i].Guard = apply(ir.OpScoped, ir.Bool, w.few(7))
		}
	}
	return p
}

// value is drawn, or something that the start has kept.
func (w *wholes) value(p *ir.Probe, t ir.Type, depth int) *ir.Expr {
	if p.Pair != nil && w.one(2) {
		for i, kept := range p.Pair.Keep {
			if kept.Type == t {
				return &ir.Expr{Op: ir.OpKept, Type: t, Const: uint64(i)}
			}
		}
	}
	return w.draw.Expr(t, depth)
}

func (w *wholes) pair(p *ir.Probe) {
	p.Pair = &ir.Pair{Entries: 1 + w.random.IntN(4), Key: ir.Type{Kind: ir.Uint}}
	p.Pair.Longest = []time.Duration{0, time.Hour, time.Hour, 1}[w.random.IntN(4)]
	start := ir.Hook{Kind: ir.RawTracepoint, Target: "start", Where: w.mostly(), PairKey: w.few(3)}
	for range w.random.IntN(4) {
		t := w.draw.Type()
		p.Pair.Keep = append(p.Pair.Keep, ir.Field{Name: "kept", Type: t})
		start.Keep = append(start.Keep, w.draw.Expr(t, 3))
	}
	p.Pair.Starts = []ir.Hook{start}
	for i := range p.Hooks {
		p.Hooks[i].PairKey = w.few(3)
	}
}

func (w *wholes) keys(p *ir.Probe) {
	for range w.random.IntN(3) {
		t := ir.Type{Kind: ir.Uint}
		if w.one(3) {
			t = w.draw.Type()
		}
		p.Keys = append(p.Keys, ir.Field{Name: "key", Type: t})
		for i := range p.Hooks {
			key := w.few(3)
			if t.Kind != ir.Uint {
				key = w.value(p, t, 2)
			}
			p.Hooks[i].Keys = append(p.Hooks[i].Keys, key)
		}
	}
}

// measures draws those that a trigger can ask for first.
func (w *wholes) measures(p *ir.Probe) {
	simple := []ir.MeasureKind{ir.Count, ir.Sum, ir.Min, ir.Max, ir.Average, ir.Rate}
	others := []ir.MeasureKind{ir.Log2Histogram, ir.Histogram, ir.Distinct, ir.Min, ir.Sum}
	count := w.random.IntN(4)
	for range count {
		w.measure(p, simple[w.random.IntN(len(simple))])
	}
	if count > 0 && w.one(2) {
		w.trigger(p, count)
	}
	for range w.random.IntN(3) {
		w.measure(p, others[w.random.IntN(len(others))])
	}
	if len(p.Measures) > 0 {
		// Only a count tells a row of zeros from one that nothing was counted in.
		w.measure(p, ir.Count)
	}
}

func (w *wholes) measure(p *ir.Probe, kind ir.MeasureKind) {
	m := ir.Measure{Name: "measure", Kind: kind, Type: ir.Type{Kind: []ir.Kind{ir.Int, ir.Uint, ir.Duration}[w.random.IntN(3)]}}
	switch kind {
	case ir.Count:
		m.Type = ir.Type{}
	case ir.Rate:
		if w.one(2) {
			m.Type = ir.Type{}
		}
	case ir.Histogram:
		m.Bounds = []int64{1, 10, 60, 1 << 20, 1 << 62}
		if m.Type.Kind.Signed() {
			m.Bounds = append([]int64{-1 << 63, -70, -1, 0}, m.Bounds...)
		}
	case ir.Distinct:
		m.Precision, m.Type = 4+w.random.IntN(5), w.draw.Type()
	}
	p.Measures = append(p.Measures, m)
	for i := range p.Hooks {
		value := (*ir.Expr)(nil)
		if m.Type.Kind != ir.Invalid {
			value = w.value(p, m.Type, 3)
		}
		p.Hooks[i].Measures = append(p.Hooks[i].Measures, value)
	}
}

// trigger asks something of the first measures.
func (w *wholes) trigger(p *ir.Probe, measures int) {
	trigger := &ir.Trigger{Within: []time.Duration{time.Hour, time.Hour, 1}[w.random.IntN(3)]}
	for i := range measures {
		trigger.Measures = append(trigger.Measures, i)
	}
	measured := func() *ir.Expr {
		return &ir.Expr{Op: ir.OpMeasured, Type: ir.Type{Kind: ir.Int}, Const: w.random.Uint64N(uint64(measures))}
	}
	ops := []ir.Op{ir.OpAdd, ir.OpSub, ir.OpDiv, ir.OpMod, ir.OpMul}
	left := apply(ops[w.random.IntN(len(ops))], ir.Int, measured(), measured())
	if w.one(2) {
		left = measured()
	}
	trigger.When = apply([]ir.Op{ir.OpGe, ir.OpLt, ir.OpNe}[w.random.IntN(3)], ir.Bool, left, constant(ir.Int, uint64(w.random.IntN(5))))
	p.Trigger = trigger
}
