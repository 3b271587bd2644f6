// SPDX-License-Identifier: Apache-2.0

package ir

import (
	"math"
	"math/bits"
)

// FoldUnary is what an operation of one constant gives; false where it has none, or its evaluation would fail.
func FoldUnary(e *Expr, x uint64) (uint64, bool) {
	switch e.Op {
	case OpNot:
		return x ^ 1, true
	case OpNegate:
		return -x, true
	case OpInvert:
		return ^x, true
	case OpConvert:
		return x, true
	case OpNarrow:
		return narrow(x, loaded(e), e.Load.Signed), true
	case OpSwap:
		return bits.ReverseBytes64(x) >> (64 - 8*loaded(e)), true
	case OpLog2:
		return uint64(max(0, bits.Len64(x)-1)), true
	}
	return 0, false
}

// loaded is the size that an operation is about, which is checked elsewhere: here it must do no harm.
func loaded(e *Expr) int { return max(1, min(8, e.Load.Size)) }

// narrow keeps the lower bytes and widens them.
func narrow(x uint64, size int, signed bool) uint64 {
	shift := 64 - 8*size
	if signed {
		return uint64(int64(x<<shift) >> shift)
	}
	return x << shift >> shift
}

// FoldBinary is what an operation of two constants of one kind gives; false where it has none, or its evaluation would fail.
func FoldBinary(op Op, kind Kind, x, y uint64) (uint64, bool) {
	switch op {
	case OpAdd:
		return x + y, true
	case OpSub:
		return x - y, true
	case OpMul:
		return x * y, true
	case OpBitAnd:
		return x & y, true
	case OpBitOr:
		return x | y, true
	case OpBitXor:
		return x ^ y, true
	case OpDiv, OpMod:
		return foldDivision(op == OpDiv, kind.Signed(), x, y)
	case OpShl:
		return x << (y & 63), y < 64
	case OpShr:
		if kind.Signed() {
			return uint64(int64(x) >> (y & 63)), y < 64
		}
		return x >> (y & 63), y < 64
	case OpEq:
		return truth(x == y), true
	case OpNe:
		return truth(x != y), true
	case OpLt, OpLe, OpGt, OpGe:
		return truth(ordered(op, kind.Signed(), x, y)), true
	case OpAnd:
		return x & y, true
	case OpOr:
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

func ordered(op Op, signed bool, x, y uint64) bool {
	if signed {
		x, y = x^math.MaxInt64^math.MaxUint64, y^math.MaxInt64^math.MaxUint64
	}
	switch op {
	case OpLt:
		return x < y
	case OpLe:
		return x <= y
	case OpGt:
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
