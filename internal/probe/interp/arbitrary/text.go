// SPDX-License-Identifier: Apache-2.0

package arbitrary

import (
	"fmt"
	"strings"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

// Text writes an expression down, one part a line, so that shared parts are seen to be.
func Text(e *ir.Expr) string {
	out, names := &strings.Builder{}, map[*ir.Expr]int{}
	e.Walk(func(part *ir.Expr) {
		names[part] = len(names)
		fmt.Fprintf(out, "%%%d = %s %s", names[part], part.Op, part.Type)
		for _, arg := range part.Args {
			fmt.Fprintf(out, " %%%d", names[arg])
		}
		if part.Op == ir.OpConst && part.Type.Kind.Scalar() {
			fmt.Fprintf(out, " %d", int64(part.Const))
		} else if part.Const != 0 {
			fmt.Fprintf(out, " #%d", part.Const)
		}
		if len(part.Wide) > 0 {
			fmt.Fprintf(out, " %x", part.Wide)
		}
		if len(part.Set) > 0 {
			fmt.Fprintf(out, " %x", part.Set)
		}
		if load := part.Load; load != (ir.Load{}) {
			fmt.Fprintf(out, " offset %d size %d signed %t big-endian %t bits %d shift %d",
				load.Offset, load.Size, load.Signed, load.BigEndian, load.Bits, load.Shift)
		}
		out.WriteByte('\n')
	})
	return out.String()
}

// Size is how many distinct parts an expression has.
func Size(e *ir.Expr) int {
	count := 0
	e.Walk(func(*ir.Expr) { count++ })
	return count
}

// Shrink looks for a smaller expression of the same type of which something still holds, asking at most so many times.
func Shrink(e *ir.Expr, times int, holds func(*ir.Expr) bool) *ir.Expr {
	for shrunk := true; shrunk; {
		shrunk = false
		for _, smaller := range candidates(e) {
			if times--; times < 0 {
				return e
			}
			if holds(smaller) {
				e, shrunk = smaller, true
				break
			}
		}
	}
	return e
}

// candidates are an expression with one part replaced: by one of its own parts, or by a constant.
func candidates(e *ir.Expr) []*ir.Expr {
	out := []*ir.Expr{}
	parts := []*ir.Expr{}
	e.Walk(func(part *ir.Expr) { parts = append(parts, part) })
	for i := len(parts) - 1; i >= 0; i-- {
		part := parts[i]
		for _, arg := range part.Args {
			if arg.Type == part.Type {
				out = append(out, replace(e, part, arg))
			}
		}
		if part.Op != ir.OpConst && part.Type.Kind.Scalar() && part.Type.Kind != ir.Pointer {
			for _, value := range []uint64{0, 1} {
				out = append(out, replace(e, part, &ir.Expr{Op: ir.OpConst, Type: part.Type, Const: value}))
			}
		}
	}
	return out
}

func replace(e, part, by *ir.Expr) *ir.Expr {
	done := map[*ir.Expr]*ir.Expr{part: by}
	var copied func(*ir.Expr) *ir.Expr
	copied = func(e *ir.Expr) *ir.Expr {
		if to, ok := done[e]; ok {
			return to
		}
		to := *e
		to.Args = make([]*ir.Expr, len(e.Args))
		for i, arg := range e.Args {
			to.Args[i] = copied(arg)
		}
		done[e] = &to
		return &to
	}
	return copied(e)
}
