// SPDX-License-Identifier: Apache-2.0

package lang

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/probe/interp"
	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

// TestFold_agreesWithTheInterpreter holds that what is computed while compiling is what would be computed while running.
func TestFold_agreesWithTheInterpreter(t *testing.T) {
	numbers := []uint64{0, 1, 2, 3, 7, 63, 64, 255, 1 << 31, 1 << 32, math.MaxInt64, 1 << 63, math.MaxUint64 - 1, math.MaxUint64}
	binary := []ir.Op{
		ir.OpAdd, ir.OpSub, ir.OpMul, ir.OpDiv, ir.OpMod, ir.OpBitAnd, ir.OpBitOr, ir.OpBitXor, ir.OpShl, ir.OpShr,
		ir.OpEq, ir.OpNe, ir.OpLt, ir.OpLe, ir.OpGt, ir.OpGe,
	}
	unary := []ir.Expr{
		{Op: ir.OpNegate}, {Op: ir.OpInvert}, {Op: ir.OpConvert}, {Op: ir.OpLog2}, {Op: ir.OpSwap, Load: ir.Load{Size: 2}},
		{Op: ir.OpSwap, Load: ir.Load{Size: 4}}, {Op: ir.OpSwap, Load: ir.Load{Size: 8}}, {Op: ir.OpNarrow, Load: ir.Load{Size: 1, Signed: true}},
		{Op: ir.OpNarrow, Load: ir.Load{Size: 4}}, {Op: ir.OpNarrow, Load: ir.Load{Size: 2, Signed: true}},
	}
	for _, kind := range []ir.Kind{ir.Int, ir.Uint, ir.Duration} {
		typ := ir.Type{Kind: kind}
		constant := func(n uint64) *ir.Expr { return &ir.Expr{Op: ir.OpConst, Type: typ, Const: n} }
		for _, x := range numbers {
			for _, e := range unary {
				e.Type, e.Args = typ, []*ir.Expr{constant(x)}
				same(t, e)
			}
			for _, y := range numbers {
				for _, op := range binary {
					e := ir.Expr{Op: op, Type: typ, Args: []*ir.Expr{constant(x), constant(y)}}
					if op >= ir.OpEq && op <= ir.OpGe {
						e.Type = boolean
					}
					same(t, e)
				}
			}
		}
	}
}

func same(t *testing.T, e ir.Expr) {
	t.Helper()
	folded := fold(e)
	ran, err := interp.Evaluate(&e, interp.World{}, nil)
	if folded.Op != ir.OpConst {
		require.Error(t, err, write(&e))
		return
	}
	require.NoError(t, err, write(&e))
	require.Equal(t, ran.Number, folded.Const, write(&e))
}
