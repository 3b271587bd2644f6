// SPDX-License-Identifier: Apache-2.0

package gen

import "github.com/aeolus-ebpf/aeolus/internal/probe/ir"

// constantOf is the value of a scalar that does not depend on anything. What would fail is no constant.
func constantOf(e *ir.Expr) (uint64, bool) {
	if !e.Type.Kind.Scalar() {
		return 0, false
	}
	switch e.Op {
	case ir.OpConst:
		return e.Const, true
	case ir.OpNot, ir.OpNegate, ir.OpInvert, ir.OpConvert, ir.OpNarrow, ir.OpLog2, ir.OpSwap:
		n, ok := constantOf(e.Args[0])
		if !ok {
			return 0, false
		}
		return ir.FoldUnary(e, n)
	case ir.OpAnd, ir.OpOr:
		n, ok := constantOf(e.Args[0])
		if !ok {
			return 0, false
		}
		if (n != 0) == (e.Op == ir.OpOr) {
			return n, true
		}
		return constantOf(e.Args[1])
	case ir.OpCond:
		n, ok := constantOf(e.Args[0])
		if !ok {
			return 0, false
		}
		if n != 0 {
			return constantOf(e.Args[1])
		}
		return constantOf(e.Args[2])
	}
	if e.Op < ir.OpAdd || e.Op > ir.OpGe || !e.Args[0].Type.Kind.Scalar() {
		return 0, false
	}
	x, ok := constantOf(e.Args[0])
	if !ok {
		return 0, false
	}
	y, ok := constantOf(e.Args[1])
	if !ok {
		return 0, false
	}
	return ir.FoldBinary(e.Op, e.Args[0].Type.Kind, x, y)
}

func truthOf(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

func holds(op ir.Op, x, y uint64, signed bool) bool {
	less := x < y
	if signed {
		less = int64(x) < int64(y)
	}
	switch op {
	case ir.OpEq:
		return x == y
	case ir.OpNe:
		return x != y
	case ir.OpLt:
		return less
	case ir.OpLe:
		return less || x == y
	case ir.OpGt:
		return !less && x != y
	}
	return !less
}
