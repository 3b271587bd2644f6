// SPDX-License-Identifier: Apache-2.0

package lang

import (
	"cel.dev/cel-go/common/ast"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

// column makes a value one that can be kept and shown.
func (c *checker) column(e ast.Expr, v value) (value, *Problem) {
	v, problem := c.load(e, v)
	if problem != nil {
		return v, problem
	}
	switch v.form {
	case null:
		return v, c.problem(e, "null is no value that could be shown", "")
	case prefix:
		return v, c.problem(e, "a range is no value that could be shown", "x in cidr('10.0.0.0/8') tells whether an address is in it")
	}
	if v.pointer() {
		typ := v.expr.Type
		typ.Hint = ir.Hex
		made := *v.expr
		made.Type = typ
		v.expr = c.make(e, made)
	}
	return v, nil
}

// scoped is whether an owner is in the scope; together with what else the scope asks for.
func (c *compiler) scoped(k *checker, t *text, s *site, ask func(ast.Expr) (value, *Problem)) *ir.Expr {
	owner, problem := ask(t.root)
	if problem != nil {
		problem.Source, problem.From, problem.To = "", 0, 0
		c.report(problem)
		return s.hook.Guard
	}
	one := k.make(t.root, ir.Expr{Op: ir.OpScoped, Type: boolean, Args: []*ir.Expr{owner.expr}})
	if s.hook.Guard == nil {
		return one
	}
	return k.binary(t.root, ir.OpAnd, boolean, s.hook.Guard, one)
}
