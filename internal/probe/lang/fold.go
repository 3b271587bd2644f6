// SPDX-License-Identifier: Apache-2.0

package lang

import (
	"math"
	"math/bits"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

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
		n, ok = foldUnary(&e, e.Args[0].Const)
	case 2:
		n, ok = foldBinary(e.Op, e.Args[0].Type.Kind, e.Args[0].Const, e.Args[1].Const)
	}
	if !ok {
		return e
	}
	return ir.Expr{Op: ir.OpConst, Type: e.Type, Const: n}
}

func foldUnary(e *ir.Expr, x uint64) (uint64, bool) {
	switch e.Op {
	case ir.OpNot:
		return x ^ 1, true
	case ir.OpNegate:
		return -x, true
	case ir.OpInvert:
		return ^x, true
	case ir.OpConvert:
		return x, true
	case ir.OpNarrow:
		return narrow(x, e.Load.Size, e.Load.Signed), true
	case ir.OpSwap:
		return bits.ReverseBytes64(x) >> (64 - 8*e.Load.Size), true
	case ir.OpLog2:
		return uint64(max(0, bits.Len64(x)-1)), true
	}
	return 0, false
}

// narrow keeps the lower bytes and widens them.
func narrow(x uint64, size int, signed bool) uint64 {
	shift := 64 - 8*size
	if signed {
		return uint64(int64(x<<shift) >> shift)
	}
	return x << shift >> shift
}

func foldBinary(op ir.Op, kind ir.Kind, x, y uint64) (uint64, bool) {
	switch op {
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
		return foldDivision(op == ir.OpDiv, kind.Signed(), x, y)
	case ir.OpShl:
		return x << (y & 63), y < 64
	case ir.OpShr:
		if kind.Signed() {
			return uint64(int64(x) >> (y & 63)), y < 64
		}
		return x >> (y & 63), y < 64
	case ir.OpEq:
		return truth(x == y), true
	case ir.OpNe:
		return truth(x != y), true
	case ir.OpLt, ir.OpLe, ir.OpGt, ir.OpGe:
		return truth(ordered(op, kind.Signed(), x, y)), true
	case ir.OpAnd:
		return x & y, true
	case ir.OpOr:
		return x | y, true
	}
	return 0, false
}

func foldDivision(quotient, signed bool, x, y uint64) (uint64, bool) {
	switch {
	case y == 0:
		return 0, false
	case signed && int64(y) == -1:
		// The least number has no positive counterpart: it stays itself.
		if quotient {
			return -x, true
		}
		return 0, true
	case signed && quotient:
		return uint64(int64(x) / int64(y)), true
	case signed:
		return uint64(int64(x) % int64(y)), true
	case quotient:
		return x / y, true
	}
	return x % y, true
}

func ordered(op ir.Op, signed bool, x, y uint64) bool {
	if signed {
		x, y = x^math.MaxInt64^math.MaxUint64, y^math.MaxInt64^math.MaxUint64
	}
	switch op {
	case ir.OpLt:
		return x < y
	case ir.OpLe:
		return x <= y
	case ir.OpGt:
		return x > y
	}
	return x >= y
}

func truth(b bool) uint64 {
	if b {
		return 1
	}
	return 0
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
