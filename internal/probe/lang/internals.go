// SPDX-License-Identifier: Apache-2.0

package lang

import (
	"cel.dev/cel-go/common/ast"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
	"github.com/aeolus-ebpf/aeolus/internal/probe/types"
)

// internals are the functions that only the program's own texts may call: they can take anything for anything.
var internals map[string]func(c *checker, e ast.Expr, arguments []ast.Expr) (value, *Problem)

// functions are the functions that people may call, by name.
var functions map[string]function

// Both tables refer to the checker, which refers to them.
func init() {
	internals = map[string]func(c *checker, e ast.Expr, arguments []ast.Expr) (value, *Problem){
		"guard":       (*checker).guard,
		"cast":        (*checker).internalCast,
		"pointer":     (*checker).internalPointer,
		"full":        (*checker).full,
		"owned":       (*checker).owned,
		"ownerOf":     (*checker).ownerOf,
		"ownerOfTask": (*checker).ownerOfTask,
		"low32":       (*checker).low32,
		"address":     (*checker).networkAddress,
		"at":          (*checker).headerAt,
		"peek":        (*checker).peek,
		"packet8":     packetRead(1),
		"packet16":    packetRead(2),
		"packet32":    packetRead(4),
		"packetIP4":   packetAddress(4),
		"packetIP6":   packetAddress(16),
	}
	functions = map[string]function{}
	for _, f := range functionTable() {
		functions[wordOf(f.name)] = f
	}
}

// wordOf is a name up to its bracket.
func wordOf(name string) string {
	for i, r := range name {
		if r == '(' {
			return name[:i]
		}
	}
	return name
}

// guard(c, x) is x where c holds, else the run ends.
func (c *checker) guard(e ast.Expr, arguments []ast.Expr) (value, *Problem) {
	holds, problem := c.condition(arguments[0])
	if problem != nil {
		return holds, problem
	}
	v, problem := c.plain(arguments[1])
	if problem != nil {
		return v, problem
	}
	v.expr = c.make(e, ir.Expr{Op: ir.OpGuard, Type: v.expr.Type, Args: []*ir.Expr{holds.expr, v.expr}})
	return v, nil
}

// internalCast takes a pointer for one to a struct: cast(sock, self).
func (c *checker) internalCast(e ast.Expr, arguments []ast.Expr) (value, *Problem) {
	v, problem := c.pointerArgument(arguments[1])
	if problem != nil {
		return v, problem
	}
	whole, ok := c.kernel.Struct(arguments[0].AsIdent())
	if !ok {
		return v, c.problemf(e, "this kernel has no struct %s", arguments[0].AsIdent())
	}
	origin := v
	for origin.expr.Op == ir.OpAddress && origin.expr.Load.Offset == 0 {
		inner := origin.expr.Args[0]
		origin = value{expr: inner}
		origin.kernel, _ = c.kernel.Struct(inner.Type.Struct)
	}
	if c.begins(origin.kernel, whole.Name) {
		return c.upcast(e, origin, whole), nil
	}
	made := ir.Expr{Op: ir.OpCast, Type: castType(origin.expr, whole), Args: []*ir.Expr{origin.expr}}
	return value{expr: c.make(e, made), kernel: whole}, nil
}

func (c *checker) pointerArgument(e ast.Expr) (value, *Problem) {
	v, problem := c.value(e)
	if problem != nil {
		return v, problem
	}
	if v, problem = c.address(e, v); problem != nil {
		return v, problem
	}
	if !v.pointer() {
		return v, c.problemf(e, "a pointer is wanted here, not %s", article(&v))
	}
	return v, nil
}

// internalPointer takes a number for a pointer: pointer(cgroup, x).
func (c *checker) internalPointer(e ast.Expr, arguments []ast.Expr) (value, *Problem) {
	v, problem := c.scalar(arguments[1])
	if problem != nil {
		return v, problem
	}
	whole, ok := c.kernel.Struct(arguments[0].AsIdent())
	if !ok {
		return v, c.problemf(e, "this kernel has no struct %s", arguments[0].AsIdent())
	}
	typ := ir.Type{Kind: ir.Pointer, Struct: whole.Name}
	return value{expr: c.unary(e, ir.OpConvert, typ, v.expr), kernel: whole}, nil
}

// full takes a pointer for one to a whole struct sock, and fails where it is none.
func (c *checker) full(e ast.Expr, arguments []ast.Expr) (value, *Problem) {
	v, problem := c.pointerArgument(arguments[0])
	if problem != nil {
		return v, problem
	}
	whole, ok := c.kernel.Struct(fullView.of)
	if !ok {
		return v, c.problemf(e, "this kernel has no struct %s", fullView.of)
	}
	return c.cast(e, v, whole, fullView)
}

// owned(kind, number) is an owner.
func (c *checker) owned(e ast.Expr, arguments []ast.Expr) (value, *Problem) {
	kind, problem := c.scalar(arguments[0])
	if problem != nil {
		return kind, problem
	}
	number, problem := c.scalar(arguments[1])
	if problem != nil {
		return number, problem
	}
	whole := c.unary(e, ir.OpConvert, ownerType, number.expr)
	return scalarValue(c.binary(e, ir.OpBitOr, ownerType, whole, c.number(e, ownerType, kind.expr.Const<<ir.OwnerShift))), nil
}

func (c *checker) ownerOf(e ast.Expr, arguments []ast.Expr) (value, *Problem) {
	v, problem := c.pointerArgument(arguments[0])
	if problem != nil {
		return v, problem
	}
	return c.heldBy(e, v, ownerSocket)
}

func (c *checker) ownerOfTask(e ast.Expr, arguments []ast.Expr) (value, *Problem) {
	v, problem := c.pointerArgument(arguments[0])
	if problem != nil {
		return v, problem
	}
	return c.heldBy(e, v, ownerTask)
}

// low32 are the lower 32 bits: what is between two sequence numbers.
func (c *checker) low32(e ast.Expr, arguments []ast.Expr) (value, *Problem) {
	v, problem := c.scalar(arguments[0])
	if problem != nil {
		return v, problem
	}
	made := ir.Expr{Op: ir.OpNarrow, Type: ir.Type{Kind: ir.Int}, Args: []*ir.Expr{v.expr}, Load: ir.Load{Size: 4}}
	return scalarValue(c.make(e, fold(made))), nil
}

// networkAddress is ip() for numbers that do not say that they are in network order.
func (c *checker) networkAddress(e ast.Expr, arguments []ast.Expr) (value, *Problem) {
	return c.ipOf(e, arguments[0], true)
}

// headerAt is at(iphdr, base, offset): a header that begins some bytes behind an address.
func (c *checker) headerAt(e ast.Expr, arguments []ast.Expr) (value, *Problem) {
	whole, ok := c.kernel.Struct(arguments[0].AsIdent())
	if !ok {
		return value{}, c.problemf(e, "this kernel has no struct %s", arguments[0].AsIdent())
	}
	base, problem := c.scalar(arguments[1])
	if problem != nil {
		return base, problem
	}
	offset, problem := c.scalar(arguments[2])
	if problem != nil {
		return offset, problem
	}
	unsigned := ir.Type{Kind: ir.Uint}
	sum := c.binary(e, ir.OpAdd, unsigned, c.unary(e, ir.OpConvert, unsigned, base.expr), c.unary(e, ir.OpConvert, unsigned, offset.expr))
	typ := ir.Type{Kind: ir.Pointer, Struct: whole.Name}
	return value{expr: c.unary(e, ir.OpConvert, typ, sum), kernel: whole}, nil
}

// peek(p, n) is the byte n behind a pointer.
func (c *checker) peek(e ast.Expr, arguments []ast.Expr) (value, *Problem) {
	v, problem := c.pointerArgument(arguments[0])
	if problem != nil {
		return v, problem
	}
	n, problem := c.scalar(arguments[1])
	if problem != nil {
		return n, problem
	}
	at := value{
		form: place, base: v.expr, offset: int(n.expr.Const & 0xff), path: v.kernel.Name,
		kernel: types.Type{Kind: types.Int, Size: 1, Name: "unsigned char"},
	}
	return c.read(e, at, 0, 0)
}
