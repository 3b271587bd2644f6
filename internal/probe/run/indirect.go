// SPDX-License-Identifier: Apache-2.0

package run

import (
	"slices"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

// indirectProbe is the same probe, with pointers that are not trusted: what they point to is read by helpers.
func indirectProbe(p *ir.Probe) *ir.Probe {
	i := indirection{}
	again := *p
	again.Hooks = i.hooks(p.Hooks)
	if p.Pair != nil {
		pair := *p.Pair
		pair.Starts = i.hooks(p.Pair.Starts)
		again.Pair = &pair
	}
	return &again
}

// indirection remembers what has become of each expression: they share parts.
type indirection map[*ir.Expr]*ir.Expr

func (i indirection) hooks(hooks []ir.Hook) []ir.Hook {
	again := slices.Clone(hooks)
	for n := range again {
		h := &again[n]
		h.Guard, h.Where, h.PairKey = i.expr(h.Guard), i.expr(h.Where), i.expr(h.PairKey)
		h.Keep, h.Keys, h.Measures, h.Emit = i.all(h.Keep), i.all(h.Keys), i.all(h.Measures), i.all(h.Emit)
	}
	return again
}

func (i indirection) all(list []*ir.Expr) []*ir.Expr {
	again := slices.Clone(list)
	for n := range again {
		again[n] = i.expr(again[n])
	}
	return again
}

func (i indirection) expr(e *ir.Expr) *ir.Expr {
	if e == nil {
		return nil
	}
	if again, ok := i[e]; ok {
		return again
	}
	again := *e
	again.Type.Direct = false
	again.Args = i.all(e.Args)
	i[e] = &again
	return &again
}
