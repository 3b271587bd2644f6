// SPDX-License-Identifier: Apache-2.0

package lang

import (
	"bytes"
	"fmt"

	"cel.dev/cel-go/common/ast"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
	"github.com/aeolus-ebpf/aeolus/internal/probe/types"
)

// has is known while compiling: whether what stands in it can be resolved.
func (c *checker) has(e ast.Expr, arguments []ast.Expr) (value, *Problem) {
	if kind := arguments[0].Kind(); kind != ast.SelectKind && kind != ast.IdentKind {
		return value{}, c.problem(e, "has() asks for a name", "has(x.f), or has(reason) for an argument of the hook")
	}
	asking := *c
	asking.asking = true
	root := arguments[0]
	for root.Kind() == ast.SelectKind {
		root = root.AsSelect().Operand()
	}
	if root != arguments[0] && root.Kind() == ast.IdentKind && root.AsIdent() != "start" && c.inside == nil {
		if _, problem := asking.value(root); problem != nil {
			return value{}, problem
		}
	}
	_, problem := asking.value(arguments[0])
	if problem != nil && !problem.missing {
		return value{}, problem
	}
	return value{expr: c.truth(e, problem == nil), static: true}, nil
}

// scalar resolves an argument to a number, a bool, a duration or a pointer.
func (c *checker) scalar(e ast.Expr) (value, *Problem) {
	v, problem := c.plain(e)
	if problem != nil {
		return v, problem
	}
	if !v.kind().Scalar() {
		return v, c.problemf(e, "a number is wanted here, not %s", article(&v))
	}
	return v, nil
}

func (c *checker) numberOf(e ast.Expr) (value, *Problem) {
	v, problem := c.scalar(e)
	if problem != nil {
		return v, problem
	}
	if !v.numeric() && v.kind() != ir.Duration {
		return v, c.problem(e, fmt.Sprintf("a number is wanted here, not %s", article(&v)), "int(x) makes one of a bool, uint(x) of a pointer")
	}
	return v, nil
}

func (c *checker) toInt(e ast.Expr, arguments []ast.Expr) (value, *Problem) {
	return c.convert(e, arguments[0], ir.Type{Kind: ir.Int})
}

func (c *checker) toUint(e ast.Expr, arguments []ast.Expr) (value, *Problem) {
	return c.convert(e, arguments[0], ir.Type{Kind: ir.Uint})
}

func (c *checker) convert(e, argument ast.Expr, typ ir.Type) (value, *Problem) {
	v, problem := c.scalar(argument)
	if problem != nil {
		return v, problem
	}
	if problem := c.unveiled(e, v); problem != nil {
		return v, problem
	}
	if v.pointer() {
		typ.Hint = ir.Hex
	}
	if v.kind() == typ.Kind {
		v.literal = false
		return v, nil
	}
	return scalarValue(c.unary(e, ir.OpConvert, typ, v.expr)), nil
}

func (c *checker) toBool(e ast.Expr, arguments []ast.Expr) (value, *Problem) {
	v, problem := c.scalar(arguments[0])
	if problem != nil || v.kind() == ir.Bool {
		return v, problem
	}
	return scalarValue(c.binary(e, ir.OpNe, boolean, v.expr, c.number(e, ir.Type{Kind: v.kind(), Struct: v.expr.Type.Struct}, 0))), nil
}

func (c *checker) symbol(e ast.Expr, arguments []ast.Expr) (value, *Problem) {
	v, problem := c.scalar(arguments[0])
	if problem != nil {
		return v, problem
	}
	if problem := c.named(e, v); problem != nil {
		return v, problem
	}
	return scalarValue(c.unary(e, ir.OpConvert, ir.Type{Kind: ir.Uint, Hint: ir.Symbol}, v.expr)), nil
}

func (c *checker) stack(e ast.Expr, _ []ast.Expr) (value, *Problem) { return c.stackOf(e, ir.OpStack) }

func (c *checker) userStack(e ast.Expr, _ []ast.Expr) (value, *Problem) {
	return c.stackOf(e, ir.OpUserStack)
}

// stackEntries is how many different stacks are kept.
const stackEntries = 1024

func (c *checker) stackOf(e ast.Expr, op ir.Op) (value, *Problem) {
	switch c.site.hook.Kind {
	case ir.TCX, ir.Cgroup:
		return value{}, c.problem(e, "stacks cannot be taken at this hook", "")
	}
	c.probe.Stacks = stackEntries
	return scalarValue(c.make(e, ir.Expr{Op: op, Type: ir.Type{Kind: ir.Uint, Hint: ir.Stack}})), nil
}

// size is the length of a text, of bytes, or of an array.
func (c *checker) size(e ast.Expr, arguments []ast.Expr) (value, *Problem) {
	v, problem := c.value(arguments[0])
	if problem != nil {
		return v, problem
	}
	if v.form == place && v.kernel.Kind == types.Array && c.kernel.Elem(v.kernel).Kind != types.Char {
		return scalarValue(c.number(e, ir.Type{Kind: ir.Int}, uint64(v.kernel.Count))).asLiteral(), nil
	}
	if v, problem = c.load(arguments[0], v); problem != nil {
		return v, problem
	}
	return c.sizeOf(e, v)
}

func (c *checker) sizeOf(e ast.Expr, v value) (value, *Problem) {
	typ := ir.Type{Kind: ir.Int}
	switch v.kind() {
	case ir.Text:
		if v.constant() {
			length := bytes.IndexByte(append(bytes.Clone(v.expr.Wide), 0), 0)
			return scalarValue(c.number(e, typ, uint64(length))).asLiteral(), nil
		}
		return scalarValue(c.make(e, ir.Expr{Op: ir.OpLength, Type: typ, Args: []*ir.Expr{v.expr}})), nil
	case ir.Bytes:
		return scalarValue(c.number(e, typ, uint64(v.expr.Type.Size))).asLiteral(), nil
	}
	return v, c.problemf(e, "%s has no size", article(&v))
}

func (v value) asLiteral() value {
	v.literal = true
	return v
}

func (c *checker) kernelText(e ast.Expr, arguments []ast.Expr) (value, *Problem) {
	if v, problem := c.value(arguments[0]); problem != nil {
		return v, problem
	} else if v.form == place && v.kernel.Kind == types.Array {
		return c.load(arguments[0], v)
	}
	v, problem := c.scalar(arguments[0])
	if problem != nil {
		return v, problem
	}
	if !v.pointer() || v.kernel.Kind != types.Char {
		hint := "a pointer to characters is"
		if v.kernel.Kind == types.Other {
			hint = "ustring(p) reads what a process has"
		}
		return v, c.problem(e, fmt.Sprintf("no text is known to be at %s", article(&v)), hint)
	}
	return c.textAt(e, ir.OpString, v, arguments[1:])
}

func (c *checker) userText(e ast.Expr, arguments []ast.Expr) (value, *Problem) {
	v, problem := c.scalar(arguments[0])
	if problem != nil {
		return v, problem
	}
	if !v.pointer() && v.kind() != ir.Uint {
		return v, c.problemf(e, "an address is wanted here, not %s", article(&v))
	}
	if kind := c.site.hook.Kind; kind == ir.TCX || kind == ir.Cgroup || kind == ir.Iterator {
		return v, c.problem(e, "no process is known at this hook", "")
	}
	if problem := c.needsRaw(e, "the memory of processes", ""); problem != nil {
		return v, problem
	}
	return c.textAt(e, ir.OpUserString, v, arguments[1:])
}

func (c *checker) textAt(e ast.Expr, op ir.Op, v value, rest []ast.Expr) (value, *Problem) {
	size := stringSize
	if len(rest) == 1 {
		n, problem := c.plain(rest[0])
		if problem != nil {
			return n, problem
		}
		if !n.constant() || !n.numeric() || n.expr.Const < 2 || n.expr.Const > wideLimit {
			return n, c.problemf(rest[0], "a text's size is a constant from 2 to %d", wideLimit)
		}
		size = int(n.expr.Const)
	}
	pointer := v.expr
	if !v.pointer() {
		pointer = c.unary(e, ir.OpConvert, ir.Type{Kind: ir.Pointer}, pointer)
	}
	return scalarValue(c.make(e, ir.Expr{Op: op, Type: ir.Type{Kind: ir.Text, Size: size}, Args: []*ir.Expr{pointer}})), nil
}
