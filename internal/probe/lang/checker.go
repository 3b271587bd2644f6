// SPDX-License-Identifier: Apache-2.0

package lang

import (
	"fmt"
	"strings"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	celtypes "cel.dev/cel-go/common/types"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

// checker resolves one text at one hook.
type checker struct {
	*compiler
	site *site
	text *text
	// inside is the view whose own text is being resolved, nil in what the person wrote.
	inside *frame
	// asking tells that has() asks what exists: nothing will be read.
	asking bool
	// measured tells that the text is a trigger's, whose names are measures.
	measured bool
}

// problem is about a part of the text; inside a view, about what the person wrote to get there.
func (c *checker) problem(e ast.Expr, message, hint string) *Problem {
	if c.inside != nil {
		at := c.inside.at
		return c.inside.user.problem(at.From, at.To, message, hint)
	}
	pos := c.text.pos(e)
	return c.text.problem(pos.From, pos.To, message, hint)
}

func (c *checker) problemf(e ast.Expr, format string, args ...any) *Problem {
	return c.problem(e, fmt.Sprintf(format, args...), "")
}

// field narrows a problem of x.name down to the name.
func (c *checker) field(e ast.Expr, name string, p *Problem) *Problem {
	if c.inside == nil && e.Kind() == ast.SelectKind && p.To-len(name) >= p.From {
		moved := p.To - len(name) - p.From
		p.From += moved
		if p.Line > 0 && !strings.Contains(p.Source, "\n") {
			p.Column += moved
		}
	}
	return p
}

// missing is a problem of what another kernel or another hook may have: has() asks for that.
func (c *checker) missing(e ast.Expr, message, hint string) *Problem {
	p := c.problem(e, message, hint)
	p.missing = true
	return p
}

// pos is where an expression comes from.
func (c *checker) pos(e ast.Expr) ir.Pos {
	if c.inside != nil {
		return c.inside.at
	}
	return c.text.pos(e)
}

// make is an expression for a part of the text.
func (c *checker) make(e ast.Expr, made ir.Expr) *ir.Expr {
	made.Pos = c.pos(e)
	return c.pool.add(made)
}

// unary and binary are expressions of scalars; constants are folded.
func (c *checker) unary(e ast.Expr, op ir.Op, typ ir.Type, x *ir.Expr) *ir.Expr {
	return c.make(e, fold(ir.Expr{Op: op, Type: typ, Args: []*ir.Expr{x}}))
}

func (c *checker) binary(e ast.Expr, op ir.Op, typ ir.Type, x, y *ir.Expr) *ir.Expr {
	return c.make(e, fold(ir.Expr{Op: op, Type: typ, Args: []*ir.Expr{x, y}}))
}

func (c *checker) number(e ast.Expr, typ ir.Type, n uint64) *ir.Expr {
	return c.make(e, ir.Expr{Op: ir.OpConst, Type: typ, Const: n})
}

func (c *checker) truth(e ast.Expr, b bool) *ir.Expr {
	n := uint64(0)
	if b {
		n = 1
	}
	return c.number(e, ir.Type{Kind: ir.Bool}, n)
}

// value resolves a part of the text.
func (c *checker) value(e ast.Expr) (value, *Problem) {
	if c.pool.full() {
		return value{}, c.problem(e, "the probe's expressions are too large together", "")
	}
	switch e.Kind() {
	case ast.LiteralKind:
		return c.literal(e)
	case ast.IdentKind:
		return c.ident(e)
	case ast.SelectKind:
		return c.selection(e)
	case ast.CallKind:
		return c.call(e)
	case ast.ListKind:
		return value{}, c.problem(e, "a list can only stand behind in", "x in [1, 2, 3]")
	case ast.MapKind, ast.StructKind:
		return value{}, c.problem(e, "maps and messages cannot be made here", "")
	}
	return value{}, c.problem(e, "this kind of expression is not known here", "")
}

// plain resolves a part of the text to an expression that can be computed with.
func (c *checker) plain(e ast.Expr) (value, *Problem) {
	v, problem := c.value(e)
	if problem != nil {
		return v, problem
	}
	return c.load(e, v)
}

// condition resolves a part of the text to a boolean.
func (c *checker) condition(e ast.Expr) (value, *Problem) {
	v, problem := c.plain(e)
	if problem != nil {
		return v, problem
	}
	if v.kind() == ir.Bool {
		return v, nil
	}
	hint := ""
	switch {
	case v.form == null:
	case v.pointer():
		hint = "compare it: x != null"
	case v.numeric(), v.kind() == ir.Duration:
		hint = "compare it: x != 0"
	}
	return v, c.problem(e, fmt.Sprintf("a condition is wanted here, not %s", article(&v)), hint)
}

// scalarValue wraps an expression that has no kernel type.
func scalarValue(e *ir.Expr) value { return value{expr: e} }

func (c *checker) literal(e ast.Expr) (value, *Problem) {
	switch literal := e.AsLiteral().(type) {
	case celtypes.Int:
		return value{expr: c.number(e, ir.Type{Kind: ir.Int}, uint64(literal)), literal: true}, nil
	case celtypes.Uint:
		return scalarValue(c.number(e, ir.Type{Kind: ir.Uint}, uint64(literal))), nil
	case celtypes.Bool:
		return scalarValue(c.truth(e, bool(literal))), nil
	case celtypes.Null:
		return value{form: null}, nil
	case celtypes.String:
		if len(literal) > wideLimit {
			return value{}, c.problemf(e, "the text is too long: %d bytes are the most", wideLimit)
		}
		return c.wide(e, ir.Text, []byte(literal)), nil
	case celtypes.Bytes:
		if len(literal) > wideLimit {
			return value{}, c.problemf(e, "there are too many bytes: %d are the most", wideLimit)
		}
		return c.wide(e, ir.Bytes, []byte(literal)), nil
	case celtypes.Double:
		return value{}, c.problem(e, "the kernel has no fractions", "use whole numbers, or a smaller unit: duration('1500us')")
	}
	return value{}, c.problem(e, "this kind of literal is not known here", "")
}

// wideLimit is the most bytes that a text or a bytes value may have.
const wideLimit = 256

// wide is a literal of text or bytes; it has at least one byte, so that it is something.
func (c *checker) wide(e ast.Expr, kind ir.Kind, data []byte) value {
	size := max(1, len(data))
	data = append(make([]byte, 0, size), data...)[:size]
	return value{expr: c.make(e, ir.Expr{Op: ir.OpConst, Type: ir.Type{Kind: kind, Size: size}, Wide: data}), literal: true}
}

// call resolves operators and functions.
func (c *checker) call(e ast.Expr) (value, *Problem) {
	call := e.AsCall()
	arguments := call.Args()
	switch name := call.FunctionName(); name {
	case operators.LogicalAnd, operators.LogicalOr:
		return c.logical(e, name == operators.LogicalAnd, arguments[0], arguments[1])
	case operators.LogicalNot:
		v, problem := c.condition(arguments[0])
		if problem != nil {
			return v, problem
		}
		return value{expr: c.unary(e, ir.OpNot, ir.Type{Kind: ir.Bool}, v.expr), static: v.static}, nil
	case operators.Conditional:
		return c.conditional(e, arguments)
	case operators.Negate:
		return c.negate(e, arguments[0])
	case operators.Index:
		return c.index(e, arguments[0], arguments[1])
	case operators.In, operators.OldIn:
		return c.in(e, arguments[0], arguments[1])
	default:
		if op, ok := comparisons[name]; ok {
			return c.comparison(e, op, arguments[0], arguments[1])
		}
		if op, ok := arithmetics[name]; ok {
			return c.arithmetic(e, op, arguments[0], arguments[1])
		}
		return c.function(e)
	}
}

var comparisons = map[string]ir.Op{
	operators.Equals: ir.OpEq, operators.NotEquals: ir.OpNe, operators.Less: ir.OpLt, operators.LessEquals: ir.OpLe,
	operators.Greater: ir.OpGt, operators.GreaterEquals: ir.OpGe,
}

var arithmetics = map[string]ir.Op{
	operators.Add: ir.OpAdd, operators.Subtract: ir.OpSub, operators.Multiply: ir.OpMul, operators.Divide: ir.OpDiv,
	operators.Modulo: ir.OpMod,
}
