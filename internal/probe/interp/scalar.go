// SPDX-License-Identifier: Apache-2.0

package interp

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math"
	"math/bits"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

func unary(e *ir.Expr, n uint64) (ir.Value, error) {
	switch e.Op {
	case ir.OpNot:
		return truth(n == 0)
	case ir.OpNegate:
		return number(-n)
	case ir.OpInvert:
		return number(^n)
	case ir.OpConvert:
		return number(n)
	case ir.OpLog2:
		return number(uint64(max(bits.Len64(n), 1) - 1))
	}
	size := e.Load.Size
	if size != 1 && size != 2 && size != 4 && size != 8 {
		return malformed(e, "keeps %d bytes", size)
	}
	if e.Op == ir.OpNarrow {
		return number(widen(n, size*8, e.Load.Signed))
	}
	return number(bits.ReverseBytes64(n) >> (64 - size*8))
}

func arithmetic(e *ir.Expr, a, b uint64) (ir.Value, error) {
	switch e.Op {
	case ir.OpAdd:
		return number(a + b)
	case ir.OpSub:
		return number(a - b)
	case ir.OpMul:
		return number(a * b)
	case ir.OpBitAnd:
		return number(a & b)
	case ir.OpBitOr:
		return number(a | b)
	case ir.OpBitXor:
		return number(a ^ b)
	case ir.OpDiv, ir.OpMod:
		if b == 0 {
			return failure(e, "division by zero")
		}
		return number(divide(e.Op, a, b, e.Type.Kind.Signed()))
	}
	if b >= 64 {
		return failure(e, "a shift out of range")
	}
	switch {
	case e.Op == ir.OpShl:
		return number(a << b)
	case e.Type.Kind.Signed():
		return number(uint64(int64(a) >> b))
	}
	return number(a >> b)
}

func divide(op ir.Op, a, b uint64, signed bool) uint64 {
	switch {
	case signed && int64(a) == math.MinInt64 && int64(b) == -1:
		if op == ir.OpDiv {
			return a
		}
		return 0
	case signed && op == ir.OpDiv:
		return uint64(int64(a) / int64(b))
	case signed:
		return uint64(int64(a) % int64(b))
	case op == ir.OpDiv:
		return a / b
	}
	return a % b
}

func compare(e *ir.Expr, a, b ir.Value) (ir.Value, error) {
	kind := e.Args[0].Type.Kind
	order := 0
	switch {
	case !kind.Scalar():
		if e.Op != ir.OpEq && e.Op != ir.OpNe {
			return malformed(e, "wide values have no order")
		}
		order = bytes.Compare(padded(a.Wide, len(b.Wide)), padded(b.Wide, len(a.Wide)))
	case kind.Signed():
		order = cmp.Compare(int64(a.Number), int64(b.Number))
	default:
		order = cmp.Compare(a.Number, b.Number)
	}
	switch e.Op {
	case ir.OpEq:
		return truth(order == 0)
	case ir.OpNe:
		return truth(order != 0)
	case ir.OpLt:
		return truth(order < 0)
	case ir.OpLe:
		return truth(order <= 0)
	case ir.OpGt:
		return truth(order > 0)
	}
	return truth(order >= 0)
}

// padded goes on with zeros until it has at least size bytes.
func padded(from []byte, size int) []byte {
	into := make([]byte, max(size, len(from)))
	copy(into, from)
	return into
}

// contains is of prefixes and sets.
func contains(e *ir.Expr, a ir.Value) (ir.Value, error) {
	t := e.Args[0].Type
	switch e.Op {
	case ir.OpPrefix:
		return truth(bytes.HasPrefix(a.Wide, e.Wide))
	case ir.OpWithin:
		if len(e.Wide) != 16 || len(a.Wide) != 16 || e.Const > 128 {
			return malformed(e, "%d bits of %d bytes in %d", e.Const, len(e.Wide), len(a.Wide))
		}
		for bit := range e.Const {
			if (a.Wide[bit/8]^e.Wide[bit/8])&(0x80>>(bit%8)) != 0 {
				return truth(false)
			}
		}
		return truth(true)
	case ir.OpOneOf:
		content := padded(a.Wide, t.Width())
		if t.Kind.Scalar() {
			binary.LittleEndian.PutUint64(content, a.Number)
		}
		for _, one := range e.Set {
			if bytes.Equal(one, content) {
				return truth(true)
			}
		}
		return truth(false)
	}
	return malformed(e, "is not known")
}
