// SPDX-License-Identifier: Apache-2.0

package lang

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"cel.dev/cel-go/common/ast"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

var boolean = ir.Type{Kind: ir.Bool}

// comparison is == != < <= > >=.
func (c *checker) comparison(e ast.Expr, op ir.Op, left, right ast.Expr) (value, *Problem) {
	x, y, problem := c.operands(left, right)
	if problem != nil {
		return x, problem
	}
	return c.compare(e, op, x, y)
}

func (c *checker) compare(e ast.Expr, op ir.Op, x, y value) (value, *Problem) {
	if x.form == null && y.form == null {
		return x, c.problem(e, "null compares with pointers", "")
	}
	if x.form != plain || y.form != plain {
		return x, c.mismatch(e, "compare", &x, &y)
	}
	a, b := x.kind(), y.kind()
	if a != b && x.numeric() && y.numeric() {
		return c.compareMixed(e, op, x, y), nil
	}
	if a != b {
		return x, c.mismatch(e, "compare", &x, &y)
	}
	equality := op == ir.OpEq || op == ir.OpNe
	switch {
	case !equality && !x.numeric() && a != ir.Duration:
		return x, c.problem(e, fmt.Sprintf("%s has no order", article(&x)), "only == and != compare it")
	case a == ir.Bytes && x.expr.Type.Size != y.expr.Type.Size:
		return x, c.mismatch(e, "have the same length", &x, &y)
	case a == ir.Text && !fits(&x, &y):
		return x, c.problem(e, "this never holds: the text is longer than what it is compared with",
			fmt.Sprintf("there are at most %d bytes", roomOf(&x, &y)))
	}
	return scalarValue(c.binary(e, op, boolean, x.expr, y.expr)), nil
}

// fits tells whether a literal can be what the other side holds.
func fits(x, y *value) bool {
	for _, pair := range [][2]*value{{x, y}, {y, x}} {
		if pair[0].constant() && !pair[1].constant() && len(bytes.TrimRight(pair[0].expr.Wide, "\x00")) > room(pair[1].expr) {
			return false
		}
	}
	return true
}

func roomOf(x, y *value) int {
	if x.constant() {
		return room(y.expr)
	}
	return room(x.expr)
}

// room is the number of bytes before the end that a text can have: what helpers write always ends with a zero.
func room(e *ir.Expr) int {
	switch e.Op {
	case ir.OpComm, ir.OpString, ir.OpUserString:
		return e.Type.Size - 1
	}
	return e.Type.Size
}

// compareMixed compares the numbers of an int and a uint. A negative int settles it; yet both are evaluated first, so that what
// cannot be read ends the run here as well.
func (c *checker) compareMixed(e ast.Expr, op ir.Op, x, y value) value {
	if x.kind() == ir.Uint {
		x, y, op = y, x, mirrored[op]
	}
	// From here x is the int and y the uint.
	if neverNegative(x.expr) {
		return scalarValue(c.binary(e, op, boolean, c.unsigned(e, x).expr, y.expr))
	}
	zero := c.number(e, ir.Type{Kind: ir.Int}, 0)
	compared := c.binary(e, op, boolean, c.unsigned(e, x).expr, y.expr)
	if op == ir.OpLt || op == ir.OpLe || op == ir.OpNe {
		return scalarValue(c.binary(e, ir.OpOr, boolean, compared, c.binary(e, ir.OpLt, boolean, x.expr, zero)))
	}
	return scalarValue(c.binary(e, ir.OpAnd, boolean, compared, c.binary(e, ir.OpGe, boolean, x.expr, zero)))
}

var mirrored = map[ir.Op]ir.Op{
	ir.OpEq: ir.OpEq, ir.OpNe: ir.OpNe, ir.OpLt: ir.OpGt, ir.OpLe: ir.OpGe, ir.OpGt: ir.OpLt, ir.OpGe: ir.OpLe,
}

const (
	// fewElements are compared one after the other; more become a set.
	fewElements  = 8
	elementLimit = 256
)

// in is x in [list] and x in cidr('…').
func (c *checker) in(e, left, right ast.Expr) (value, *Problem) {
	x, problem := c.plain(left)
	if problem != nil {
		return x, problem
	}
	if right.Kind() != ast.ListKind {
		y, problem := c.value(right)
		if problem != nil {
			return y, problem
		}
		if y.form != prefix {
			return y, c.problem(right, fmt.Sprintf("%s holds nothing", article(&y)), "in wants a list, [1, 2], or a range, cidr('10.0.0.0/8')")
		}
		return c.within(e, x, y)
	}
	list := right.AsList()
	if list.Size() == 0 || list.Size() > elementLimit {
		return x, c.problem(right, fmt.Sprintf("a list of %d", list.Size()), fmt.Sprintf("it may have 1 to %d elements", elementLimit))
	}
	return c.inList(e, x, list.Elements())
}

func (c *checker) within(e ast.Expr, x, y value) (value, *Problem) {
	if x.kind() != ir.IP {
		return x, c.problem(e, fmt.Sprintf("%s is in no range of addresses", article(&x)), "addresses are: ip('10.0.0.1') in cidr('10.0.0.0/8')")
	}
	made := ir.Expr{Op: ir.OpWithin, Type: boolean, Args: []*ir.Expr{x.expr}, Wide: y.expr.Wide, Const: uint64(y.bits)}
	if x.constant() {
		return scalarValue(c.truth(e, contains(y.expr.Wide, y.bits, x.expr.Wide))), nil
	}
	return scalarValue(c.make(e, made)), nil
}

// inList compares with each element, or, where these are many and constant, with a set.
func (c *checker) inList(e ast.Expr, x value, elements []ast.Expr) (value, *Problem) {
	var any *ir.Expr
	var set [][]byte
	for _, element := range elements {
		y, problem := c.plain(element)
		if problem != nil {
			return y, problem
		}
		other := x
		c.adapt(element, &y, &other)
		var one value
		if y.form == prefix {
			one, problem = c.within(element, x, y)
		} else {
			one, problem = c.compare(element, ir.OpEq, other, y)
		}
		if problem != nil {
			return y, problem
		}
		if len(elements) > fewElements && y.constant() {
			if key, ok := encode(&x, &y); ok {
				set = append(set, key)
			}
			continue
		}
		if any == nil {
			any = one.expr
		} else {
			any = c.binary(e, ir.OpOr, boolean, any, one.expr)
		}
	}
	if len(set) == 0 && any == nil {
		return x, c.problem(e, "this never holds: no element can be what it is compared with", "")
	}
	if len(set) == 0 {
		return scalarValue(any), nil
	}
	slices.SortFunc(set, bytes.Compare)
	set = slices.CompactFunc(set, bytes.Equal)
	one := c.make(e, ir.Expr{Op: ir.OpOneOf, Type: boolean, Args: []*ir.Expr{x.expr}, Set: set})
	if any != nil {
		one = c.binary(e, ir.OpOr, boolean, one, any)
	}
	return scalarValue(one), nil
}

// encode is an element as it lies in memory in the type of what it is compared with; false where it cannot be equal.
func encode(x, element *value) ([]byte, bool) {
	key := make([]byte, x.expr.Type.Width())
	if !x.kind().Scalar() {
		copy(key, element.expr.Wide)
		return key, len(element.expr.Wide) <= len(key)
	}
	binary.LittleEndian.PutUint64(key, element.expr.Const)
	return key, x.kind() == element.kind() || element.expr.Const <= math.MaxInt64
}
