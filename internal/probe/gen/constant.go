// SPDX-License-Identifier: Apache-2.0

package gen

import (
	"math"
	"math/bits"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

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
		return foldUnary(e, n), ok
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
	if e.Op >= ir.OpEq {
		return truthOf(holds(e.Op, x, y, e.Args[0].Type.Kind.Signed())), true
	}
	return foldBinary(e, x, y)
}

func truthOf(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

func foldUnary(e *ir.Expr, n uint64) uint64 {
	size := 8 * max(1, min(8, e.Load.Size))
	switch e.Op {
	case ir.OpNot:
		return truthOf(n == 0)
	case ir.OpNegate:
		return -n
	case ir.OpInvert:
		return ^n
	case ir.OpNarrow:
		if e.Load.Signed {
			return uint64(int64(n<<(64-size)) >> (64 - size))
		}
		return n << (64 - size) >> (64 - size)
	case ir.OpLog2:
		return uint64(max(bits.Len64(n), 1) - 1)
	case ir.OpSwap:
		return bits.ReverseBytes64(n) >> (64 - size)
	}
	return n
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

func foldBinary(e *ir.Expr, x, y uint64) (uint64, bool) {
	signed := e.Type.Kind.Signed()
	switch e.Op {
	case ir.OpAdd:
		return x + y, true
	case ir.OpSub:
		return x - y, true
	case ir.OpMul:
		return x * y, true
	case ir.OpBitAnd:
		return x & y, true
	case ir.OpBitOr:
		return x | y, true
	case ir.OpBitXor:
		return x ^ y, true
	case ir.OpDiv, ir.OpMod:
		if y == 0 {
			return 0, false
		}
		return foldDivision(e.Op, x, y, signed), true
	}
	if y > 63 {
		return 0, false
	}
	switch {
	case e.Op == ir.OpShl:
		return x << y, true
	case signed:
		return uint64(int64(x) >> y), true
	}
	return x >> y, true
}

func foldDivision(op ir.Op, x, y uint64, signed bool) uint64 {
	switch {
	case signed && int64(x) == math.MinInt64 && int64(y) == -1:
		if op == ir.OpDiv {
			return x
		}
		return 0
	case signed && op == ir.OpDiv:
		return uint64(int64(x) / int64(y))
	case signed:
		return uint64(int64(x) % int64(y))
	case op == ir.OpDiv:
		return x / y
	}
	return x % y
}
