// SPDX-License-Identifier: Apache-2.0

package gen_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/probe/gen"
	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

// TestMalformed wants an error of what no language makes, and no panic.
func TestMalformed(t *testing.T) {
	circle := op(ir.OpNegate, ir.Int, nil)
	circle.Args[0] = circle
	deep := argument(ir.Int, 0)
	for range 600 {
		deep = op(ir.OpNegate, ir.Int, deep)
	}
	for name, e := range map[string]*ir.Expr{
		"no operation": {}, "no operand": op(ir.OpAdd, ir.Int), "one of two": op(ir.OpAdd, ir.Int, number(ir.Int, 1)),
		"nothing": op(ir.OpNot, ir.Bool, nil), "circle": circle, "too deep": deep,
		"a size of 3":        load(typeOf(ir.Int), object, ir.Load{Size: 3}),
		"a field of 99 bits": load(typeOf(ir.Int), object, ir.Load{Size: 8, Bits: 99}),
		"an address of 5":    load(typeOf(ir.IP), object, ir.Load{Size: 5}),
		"wide sum":           op(ir.OpAdd, ir.Int, wideConst(text(8), "a"), number(ir.Int, 1)),
		"measured":           op(ir.OpMeasured, ir.Int), "elapsed": op(ir.OpElapsed, ir.Duration), "kept": op(ir.OpKept, ir.Int),
		"a text without a size": {Op: ir.OpComm, Type: text(0)},
		"an odd set":            {Op: ir.OpOneOf, Type: typeOf(ir.Bool), Args: []*ir.Expr{number(ir.Int, 1)}, Set: [][]byte{{1}}},
		"an odd prefix":         {Op: ir.OpWithin, Type: typeOf(ir.Bool), Args: []*ir.Expr{wideConst(typeOf(ir.IP), "")}, Const: 200},
	} {
		_, err := gen.Evaluate(e, 8, gen.Options{})
		require.Error(t, err, name)
		hook := ir.Hook{Kind: ir.RawTracepoint, Target: "sys_enter"}
		_, err = gen.Generate(simple(hook, e), gen.Options{})
		require.Error(t, err, name)
	}
	probe := measured(ir.Int, 1)
	probe.Hooks[0].Measures = nil
	_, err := gen.Generate(probe, gen.Options{})
	require.ErrorContains(t, err, "0 measures")
	_, err = gen.Generate(&ir.Probe{Name: "empty"}, gen.Options{})
	require.ErrorContains(t, err, "no hooks")
}
