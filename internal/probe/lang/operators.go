// SPDX-License-Identifier: Apache-2.0

package lang

import (
	"fmt"

	"cel.dev/cel-go/common/ast"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

// logical is && and ||. Where the kernel alone settles it, the other side need not exist.
func (c *checker) logical(e ast.Expr, and bool, left, right ast.Expr) (value, *Problem) {
	x, problem := c.condition(left)
	if problem != nil {
		return x, problem
	}
	if x.static && x.holds() != and {
		return x, nil
	}
	y, problem := c.condition(right)
	if problem != nil {
		return y, problem
	}
	if x.static {
		return y, nil
	}
	op := ir.OpOr
	if and {
		op = ir.OpAnd
	}
	return scalarValue(c.binary(e, op, ir.Type{Kind: ir.Bool}, x.expr, y.expr)), nil
}

// conditional is c ? x : y.
func (c *checker) conditional(e ast.Expr, arguments []ast.Expr) (value, *Problem) {
	test, problem := c.condition(arguments[0])
	if problem != nil {
		return test, problem
	}
	if test.static {
		if test.holds() {
			return c.value(arguments[1])
		}
		return c.value(arguments[2])
	}
	x, problem := c.plain(arguments[1])
	if problem != nil {
		return x, problem
	}
	y, problem := c.plain(arguments[2])
	if problem != nil {
		return y, problem
	}
	if problem := c.unify(e, &x, &y); problem != nil {
		return x, problem
	}
	if test.constant() {
		if test.holds() {
			return x, nil
		}
		return y, nil
	}
	typ := shared(x.expr.Type, y.expr.Type)
	made := c.make(e, ir.Expr{Op: ir.OpCond, Type: typ, Args: []*ir.Expr{test.expr, x.expr, y.expr}})
	v := value{expr: made}
	if typ.Kind == ir.Pointer {
		v.kernel = x.kernel
	}
	return v, nil
}

// shared is the type of what is one or the other.
func shared(x, y ir.Type) ir.Type {
	x.Direct = x.Direct && y.Direct
	if x.Enum != y.Enum {
		x.Enum = ""
	}
	if x.Hint != y.Hint {
		x.Hint = ir.Plain
	}
	return x
}

// unify makes two values of one kind, or tells that they cannot be.
func (c *checker) unify(e ast.Expr, x, y *value) *Problem {
	c.adapt(e, x, y)
	c.adapt(e, y, x)
	if x.form != plain || y.form != plain {
		return c.mismatch(e, "have a common type", x, y)
	}
	switch a, b := x.kind(), y.kind(); {
	case a == ir.Int && b == ir.Uint:
		*x = c.unsigned(e, *x)
	case a == ir.Uint && b == ir.Int:
		*y = c.unsigned(e, *y)
	case a == ir.Pointer && b == ir.Pointer:
		if x.expr.Type.Struct != y.expr.Type.Struct {
			if y.constant() {
				y.expr = c.number(e, x.expr.Type, y.expr.Const)
			} else if x.constant() {
				x.expr, x.kernel = c.number(e, y.expr.Type, x.expr.Const), y.kernel
			} else {
				return c.mismatch(e, "have a common type", x, y)
			}
		}
	case a != b || !a.Scalar() && x.expr.Type.Size != y.expr.Type.Size:
		return c.mismatch(e, "have a common type", x, y)
	}
	return nil
}

func (c *checker) mismatch(e ast.Expr, what string, x, y *value) *Problem {
	hint := conversion(x, y)
	if what == "add up" && x.kind() == ir.Text && y.kind() == ir.Text {
		hint = "give each text a column of its own"
	}
	return c.problem(e, fmt.Sprintf("%s and %s do not %s", article(x), article(y), what), hint)
}

// conversion says how two values could go together.
func conversion(x, y *value) string {
	for _, pair := range [][2]*value{{x, y}, {y, x}} {
		a, b := pair[0], pair[1]
		switch {
		case a.kind() == ir.Duration && b.numeric():
			return "write durations as such: duration('50ms'); int(d) is a duration's nanoseconds"
		case a.kind() == ir.Bool && b.numeric():
			return "int(b) is 1 or 0"
		case b.kind() == ir.Text && b.form == plain && a.kind() != ir.Text && a.form == plain:
			return textHint(a, b.expr)
		case a.kind() == ir.IP && b.numeric():
			return "write addresses as such: ip('10.0.0.1')"
		case a.form == prefix && b.kind() == ir.IP:
			return "x in cidr('10.0.0.0/8') tells whether an address is in a range"
		case a.pointer() && b.numeric():
			return "a pointer compares with null and with pointers; uint(p) is its number"
		}
	}
	return ""
}

// unsigned takes a signed number for an unsigned one of the same bits.
func (c *checker) unsigned(e ast.Expr, v value) value {
	typ := v.expr.Type
	typ.Kind = ir.Uint
	return value{expr: c.unary(e, ir.OpConvert, typ, v.expr)}
}

// adapt gives a literal the kind of what it is used with, where that is meant without doubt.
func (c *checker) adapt(e ast.Expr, x, other *value) {
	switch {
	case x.form == null && other.pointer():
		*x = value{expr: c.number(e, other.expr.Type, 0), kernel: other.kernel}
	case !x.literal || !x.constant() || other.form != plain:
	case x.kind() == ir.Int && other.kind() == ir.Uint && int64(x.expr.Const) >= 0:
		*x = value{expr: c.number(e, ir.Type{Kind: ir.Uint}, x.expr.Const), literal: true}
	case x.kind() == ir.Int && other.kind() == ir.Bool && x.expr.Const <= 1:
		*x = value{expr: c.truth(e, x.expr.Const == 1), literal: true}
	case x.kind() == ir.Text && other.kind() == ir.IP:
		if address, ok := parseIP(string(x.expr.Wide)); ok {
			*x = c.ipConstant(e, address)
		}
	case x.kind() == ir.Text && other.kind() == ir.MAC:
		if address, ok := parseMAC(string(x.expr.Wide)); ok {
			*x = value{expr: c.make(e, ir.Expr{Op: ir.OpConst, Type: ir.Type{Kind: ir.MAC}, Wide: address})}
		}
	case x.kind() == ir.Text && other.kind() == ir.Duration:
		if d, ok := parseDuration(string(x.expr.Wide)); ok {
			*x = value{expr: c.number(e, ir.Type{Kind: ir.Duration}, uint64(d))}
		}
	case x.kind() == ir.Text && other.kind() == ir.Text:
		if size := other.expr.Type.Size; len(x.expr.Wide) < size {
			wide := make([]byte, size)
			copy(wide, x.expr.Wide)
			*x = value{expr: c.make(e, ir.Expr{Op: ir.OpConst, Type: ir.Type{Kind: x.kind(), Size: size}, Wide: wide}), literal: true}
		}
	}
}

func (c *checker) negate(e, operand ast.Expr) (value, *Problem) {
	v, problem := c.plain(operand)
	if problem != nil {
		return v, problem
	}
	if !v.numeric() && v.kind() != ir.Duration {
		return v, c.problemf(e, "%s has no negative", article(&v))
	}
	return value{expr: c.unary(e, ir.OpNegate, ir.Type{Kind: v.kind()}, v.expr), literal: v.literal}, nil
}

// arithmetic is + - * / %.
func (c *checker) arithmetic(e ast.Expr, op ir.Op, left, right ast.Expr) (value, *Problem) {
	x, y, problem := c.operands(left, right)
	if problem != nil {
		return x, problem
	}
	if (op == ir.OpDiv || op == ir.OpMod) && y.constant() && y.expr.Const == 0 && y.kind().Scalar() {
		return x, c.problem(right, "division by zero", "")
	}
	if x.kind() == ir.Duration || y.kind() == ir.Duration {
		return c.durations(e, op, x, y)
	}
	if !x.numeric() || !y.numeric() {
		return x, c.mismatch(e, "add up", &x, &y)
	}
	literal := x.literal && y.literal
	if problem := c.unify(e, &x, &y); problem != nil {
		return x, problem
	}
	return value{expr: c.binary(e, op, ir.Type{Kind: x.kind(), Hint: sizes(op, &x, &y)}, x.expr, y.expr), literal: literal}, nil
}

// sizes keeps that a sum of sizes is one.
func sizes(op ir.Op, x, y *value) ir.Hint {
	if (op == ir.OpAdd || op == ir.OpSub) && x.expr.Type.Hint == ir.Size && (y.expr.Type.Hint == ir.Size || y.literal) {
		return ir.Size
	}
	return ir.Plain
}

// operands resolves both sides of a binary operator, and reads literals in the light of the other side.
func (c *checker) operands(left, right ast.Expr) (x, y value, problem *Problem) {
	if x, problem = c.plain(left); problem != nil {
		return x, y, problem
	}
	if y, problem = c.plain(right); problem != nil {
		return x, y, problem
	}
	c.adapt(left, &x, &y)
	c.adapt(right, &y, &x)
	return x, y, nil
}

// durations is arithmetic with at least one duration.
func (c *checker) durations(e ast.Expr, op ir.Op, x, y value) (value, *Problem) {
	duration, number := ir.Type{Kind: ir.Duration}, ir.Type{Kind: ir.Int}
	both := x.kind() == ir.Duration && y.kind() == ir.Duration
	scaled := func(v value) *ir.Expr { return c.unary(e, ir.OpConvert, duration, v.expr) }
	switch {
	case both && (op == ir.OpAdd || op == ir.OpSub || op == ir.OpMod):
		return scalarValue(c.binary(e, op, duration, x.expr, y.expr)), nil
	case both && op == ir.OpDiv:
		return scalarValue(c.unary(e, ir.OpConvert, number, c.binary(e, op, duration, x.expr, y.expr))), nil
	case x.kind() == ir.Duration && y.numeric() && (op == ir.OpMul || op == ir.OpDiv):
		return scalarValue(c.binary(e, op, duration, x.expr, scaled(y))), nil
	case y.kind() == ir.Duration && x.numeric() && op == ir.OpMul:
		return scalarValue(c.binary(e, op, duration, scaled(x), y.expr)), nil
	}
	return x, c.mismatch(e, "go together so", &x, &y)
}
