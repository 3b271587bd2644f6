// SPDX-License-Identifier: Apache-2.0

package lang

import "github.com/aeolus-ebpf/aeolus/internal/probe/ir"

// fold computes what is known while compiling, with the meaning that package ir gives it. What would fail is left as it is.
func fold(e ir.Expr) ir.Expr {
	for _, argument := range e.Args {
		if argument.Op != ir.OpConst || !argument.Type.Kind.Scalar() {
			return e
		}
	}
	var n uint64
	ok := false
	switch len(e.Args) {
	case 1:
		n, ok = ir.FoldUnary(&e, e.Args[0].Const)
	case 2:
		n, ok = ir.FoldBinary(e.Op, e.Args[0].Type.Kind, e.Args[0].Const, e.Args[1].Const)
	}
	if !ok {
		return e
	}
	return ir.Expr{Op: ir.OpConst, Type: e.Type, Const: n}
}

// neverNegative tells whether a number's upper bit is known to be zero.
func neverNegative(e *ir.Expr) bool {
	switch e.Op {
	case ir.OpConst:
		return int64(e.Const) >= 0
	case ir.OpLoad, ir.OpContext, ir.OpPacket:
		return !e.Load.Signed && (e.Load.Size < 8 || e.Load.Bits > 0 && e.Load.Bits < 64)
	case ir.OpNarrow:
		return !e.Load.Signed && e.Load.Size < 8
	case ir.OpSwap:
		return e.Load.Size < 8
	case ir.OpCPU, ir.OpPID, ir.OpTID, ir.OpLog2, ir.OpLength:
		return true
	case ir.OpConvert:
		return neverNegative(e.Args[0])
	case ir.OpBitAnd:
		return neverNegative(e.Args[0]) || neverNegative(e.Args[1])
	case ir.OpBitOr, ir.OpMod, ir.OpDiv:
		return neverNegative(e.Args[0]) && neverNegative(e.Args[1])
	case ir.OpShr:
		return neverNegative(e.Args[0])
	case ir.OpCond:
		return neverNegative(e.Args[1]) && neverNegative(e.Args[2])
	}
	return false
}
