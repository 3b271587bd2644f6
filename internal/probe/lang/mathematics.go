// SPDX-License-Identifier: Apache-2.0

package lang

import (
	"fmt"

	"cel.dev/cel-go/common/ast"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

func (c *checker) abs(e ast.Expr, arguments []ast.Expr) (value, *Problem) {
	v, problem := c.numberOf(arguments[0])
	if problem != nil || v.kind() == ir.Uint || neverNegative(v.expr) {
		return v, problem
	}
	typ := ir.Type{Kind: v.kind()}
	below := c.binary(e, ir.OpLt, boolean, v.expr, c.number(e, typ, 0))
	return c.choose(e, typ, below, c.unary(e, ir.OpNegate, typ, v.expr), v.expr), nil
}

// choose is x where a condition holds, else y.
func (c *checker) choose(e ast.Expr, typ ir.Type, holds, x, y *ir.Expr) value {
	if holds.Op == ir.OpConst {
		if holds.Const != 0 {
			return scalarValue(x)
		}
		return scalarValue(y)
	}
	return scalarValue(c.make(e, ir.Expr{Op: ir.OpCond, Type: typ, Args: []*ir.Expr{holds, x, y}}))
}

func (c *checker) least(e ast.Expr, arguments []ast.Expr) (value, *Problem) {
	return c.extreme(e, ir.OpLe, arguments)
}

func (c *checker) greatest(e ast.Expr, arguments []ast.Expr) (value, *Problem) {
	return c.extreme(e, ir.OpGe, arguments)
}

func (c *checker) extreme(e ast.Expr, op ir.Op, arguments []ast.Expr) (value, *Problem) {
	x, problem := c.numberOf(arguments[0])
	if problem != nil {
		return x, problem
	}
	y, problem := c.numberOf(arguments[1])
	if problem != nil {
		return y, problem
	}
	if problem := c.unify(e, &x, &y); problem != nil {
		return x, problem
	}
	typ := shared(x.expr.Type, y.expr.Type)
	return c.choose(e, typ, c.binary(e, op, boolean, x.expr, y.expr), x.expr, y.expr), nil
}

func (c *checker) log2(e ast.Expr, arguments []ast.Expr) (value, *Problem) {
	v, problem := c.numberOf(arguments[0])
	if problem != nil {
		return v, problem
	}
	return scalarValue(c.unary(e, ir.OpLog2, ir.Type{Kind: ir.Int}, v.expr)), nil
}

// swapped reverses the order of the lower bytes.
func swapped(size int) func(*checker, ast.Expr, []ast.Expr) (value, *Problem) {
	return func(c *checker, e ast.Expr, arguments []ast.Expr) (value, *Problem) {
		v, problem := c.numberOf(arguments[0])
		if problem != nil {
			return v, problem
		}
		made := ir.Expr{Op: ir.OpSwap, Type: ir.Type{Kind: ir.Int}, Args: []*ir.Expr{v.expr}, Load: ir.Load{Size: size}}
		return scalarValue(c.make(e, fold(made))), nil
	}
}

// integers resolves two arguments to numbers of one kind.
func (c *checker) integers(e ast.Expr, arguments []ast.Expr) (x, y value, problem *Problem) {
	if x, y, problem = c.operands(arguments[0], arguments[1]); problem != nil {
		return x, y, problem
	}
	if !x.numeric() || !y.numeric() {
		return x, y, c.problem(e, fmt.Sprintf("bits are of numbers, not of %s", articleOf(&x, &y)), "")
	}
	return x, y, c.unify(e, &x, &y)
}

func articleOf(x, y *value) string {
	if x.numeric() {
		return article(y)
	}
	return article(x)
}

func bitwise(op ir.Op) func(*checker, ast.Expr, []ast.Expr) (value, *Problem) {
	return func(c *checker, e ast.Expr, arguments []ast.Expr) (value, *Problem) {
		x, y, problem := c.integers(e, arguments)
		if problem != nil {
			return x, problem
		}
		return value{expr: c.binary(e, op, ir.Type{Kind: x.kind()}, x.expr, y.expr), literal: x.literal && y.literal}, nil
	}
}

func (c *checker) bitNot(e ast.Expr, arguments []ast.Expr) (value, *Problem) {
	v, problem := c.numberOf(arguments[0])
	if problem != nil {
		return v, problem
	}
	if !v.numeric() {
		return v, c.problemf(e, "bits are of numbers, not of %s", article(&v))
	}
	return scalarValue(c.unary(e, ir.OpInvert, ir.Type{Kind: v.kind()}, v.expr)), nil
}

// shifted is a shift; by how much need not be of the same kind.
func shifted(op ir.Op) func(*checker, ast.Expr, []ast.Expr) (value, *Problem) {
	return func(c *checker, e ast.Expr, arguments []ast.Expr) (value, *Problem) {
		x, problem := c.numberOf(arguments[0])
		if problem != nil {
			return x, problem
		}
		n, problem := c.numberOf(arguments[1])
		if problem != nil {
			return n, problem
		}
		if !x.numeric() || !n.numeric() {
			return x, c.problemf(e, "bits are of numbers, not of %s", articleOf(&x, &n))
		}
		if n.constant() && n.expr.Const > 63 {
			return n, c.problem(arguments[1], "a shift is by 0 to 63 bits", "")
		}
		by := n.expr
		if n.kind() != x.kind() {
			by = c.unary(e, ir.OpConvert, ir.Type{Kind: x.kind()}, by)
		}
		return scalarValue(c.binary(e, op, ir.Type{Kind: x.kind()}, x.expr, by)), nil
	}
}
