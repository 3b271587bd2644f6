// SPDX-License-Identifier: Apache-2.0

package lang

import (
	"fmt"

	"cel.dev/cel-go/common/ast"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
	"github.com/aeolus-ebpf/aeolus/internal/probe/types"
)

// selection is x.name.
func (c *checker) selection(e ast.Expr) (value, *Problem) {
	sel := e.AsSelect()
	if v, done, problem := c.kept(e, sel); done {
		return v, problem
	}
	v, problem := c.value(sel.Operand())
	if problem != nil {
		return v, problem
	}
	return c.member(e, v, sel.FieldName())
}

// member is a member of a value.
func (c *checker) member(e ast.Expr, v value, name string) (value, *Problem) {
	switch {
	case v.form == viewed:
		return c.viewField(e, v, name)
	case v.form == place:
		return c.memberAt(e, v, name)
	case v.pointer():
		at, problem := c.follow(e, v, name)
		if problem != nil {
			return at, problem
		}
		return c.memberAt(e, at, name)
	}
	return v, c.field(e, name, c.problem(e, fmt.Sprintf("%s has no member %s", article(&v), name), ""))
}

// follow is the struct that a pointer points to, if a probe may look into it.
func (c *checker) follow(e ast.Expr, v value, name string) (value, *Problem) {
	if v.kernel.Kind != types.Struct && v.kernel.Kind != types.Union {
		return v, c.problem(e, fmt.Sprintf("nothing is known of what the %s points to", article(&v)),
			"a struct's name takes it for one: tcp_sock(p)."+name)
	}
	if problem := c.allowed(e, v.kernel, name); problem != nil {
		return v, problem
	}
	if v.kernel.Size == 0 {
		return v, c.missing(e, fmt.Sprintf("this kernel's types do not tell what is in struct %s", v.kernel.Name), "")
	}
	at := value{form: place, kernel: v.kernel, base: v.expr, path: v.kernel.Name}
	if v.expr.Op == ir.OpAddress {
		at.base, at.offset, at.path = v.expr.Args[0], v.expr.Load.Offset, v.expr.Load.Path
	}
	return at, nil
}

// memberAt is a member of a struct in its place.
func (c *checker) memberAt(e ast.Expr, v value, name string) (value, *Problem) {
	if v.kernel.Kind != types.Struct && v.kernel.Kind != types.Union {
		return v, c.problem(e, fmt.Sprintf("%s has no member %s", article(&v), name), "")
	}
	m, ok := c.kernel.Member(v.kernel, name)
	if !ok {
		problem := c.missing(e, fmt.Sprintf("no field %s in %s", name, structName(v.kernel)), c.elsewhere(v.kernel, name))
		return v, c.field(e, name, problem)
	}
	if problem := c.allowedMember(e, v.kernel, name, m.Type); problem != nil {
		return v, problem
	}
	at := value{
		form: place, kernel: m.Type, base: v.base, offset: v.offset + m.Offset, path: v.path + "." + name, shared: v.shared || m.Shared,
	}
	return c.read(e, at, m.Bits, m.Shift)
}

// read loads numbers and pointers; what is larger stays in its place until it is used.
func (c *checker) read(e ast.Expr, at value, bits, shift int) (value, *Problem) {
	typ, ok := numberType(at.kernel, bits)
	switch {
	case ok:
		c.enumerate(&typ, at.kernel)
	case at.kernel.Kind == types.Pointer:
		typ = ir.Type{Kind: ir.Pointer}
	case at.kernel.Kind == types.Other:
		return at, c.problem(e, fmt.Sprintf("%s is of a type that cannot be read", at.path), "")
	default:
		return at, nil
	}
	load := ir.Load{
		Offset: at.offset, Size: at.kernel.Size, Signed: at.kernel.Signed, BigEndian: at.kernel.BigEndian, Bits: bits, Shift: shift,
		Path: at.path,
	}
	v := value{}
	if typ.Kind == ir.Pointer {
		if at.kernel.User || at.kernel.PerCPU {
			v.kernel = types.Type{Kind: types.Other}
		} else {
			v.kernel = c.kernel.Elem(at.kernel)
		}
		c.pointTo(&typ, v.kernel)
		typ.Direct = at.base != nil && at.base.Type.Direct && !at.shared && typ.Struct != ""
	}
	base := at.base
	if ok && at.shared && load.Size == 8 && base != nil && base.Type.Direct {
		// The verifier would take the number for the pointer that may lie at the same place, and let nobody calculate with it.
		base = c.indirect(e, base)
	}
	v.expr = c.loadFrom(e, base, typ, load)
	return v, nil
}

// indirect is a pointer that is read by the helper.
func (c *checker) indirect(e ast.Expr, pointer *ir.Expr) *ir.Expr {
	made := *pointer
	made.Type.Direct = false
	switch pointer.Op {
	case ir.OpAddress, ir.OpCast:
		made.Args = append([]*ir.Expr{c.indirect(e, pointer.Args[0])}, pointer.Args[1:]...)
	case ir.OpGuard:
		made.Args = []*ir.Expr{pointer.Args[0], c.indirect(e, pointer.Args[1])}
	case ir.OpCond:
		made.Args = []*ir.Expr{pointer.Args[0], c.indirect(e, pointer.Args[1]), c.indirect(e, pointer.Args[2])}
	}
	return c.make(e, made)
}

func (c *checker) loadFrom(e ast.Expr, base *ir.Expr, typ ir.Type, load ir.Load) *ir.Expr {
	if base == nil {
		return c.make(e, ir.Expr{Op: ir.OpContext, Type: typ, Load: load})
	}
	return c.make(e, ir.Expr{Op: ir.OpLoad, Type: typ, Load: load, Args: []*ir.Expr{base}})
}

// pointTo names the struct in a pointer's type.
func (c *checker) pointTo(typ *ir.Type, to types.Type) {
	if to.Kind == types.Struct || to.Kind == types.Union {
		typ.Struct = to.Name
	}
}

// numberType is what a number of the kernel is here: wide unsigned ones are uint, all others int.
func numberType(t types.Type, bits int) (ir.Type, bool) {
	switch t.Kind {
	case types.Bool:
		return ir.Type{Kind: ir.Bool}, true
	case types.Int, types.Char, types.Enum:
		switch {
		case t.Size == 0 || t.Size > 8:
			return ir.Type{}, false
		case bits == 1 && !t.Signed:
			return ir.Type{Kind: ir.Bool}, true
		case t.Size == 8 && !t.Signed && (bits == 0 || bits == 64):
			return ir.Type{Kind: ir.Uint}, true
		}
		return ir.Type{Kind: ir.Int}, true
	}
	return ir.Type{}, false
}

// load makes an expression of what lies in its place; other values stay as they are.
func (c *checker) load(e ast.Expr, v value) (value, *Problem) {
	switch {
	case v.form == viewed:
		return v, c.problem(e, fmt.Sprintf("the view %s is not a value by itself", v.view.name), "its fields are: "+v.view.list())
	case v.form != place:
		return v, nil
	case v.kernel.Kind == types.Array:
		return c.loadArray(e, v)
	}
	if typ, ok := c.addressType(v); ok {
		return c.loadIP(e, v, typ)
	}
	return v, c.problem(e, fmt.Sprintf("%s is %s, which is not a value by itself", v.path, article(&v)), c.some(v.kernel))
}

// loadArray is an array of characters as a text, and one of bytes as bytes.
func (c *checker) loadArray(e ast.Expr, v value) (value, *Problem) {
	element := c.kernel.Elem(v.kernel)
	if element.Kind != types.Char && (element.Kind != types.Int || element.Size != 1) || v.kernel.Count == 0 {
		return v, c.problem(e, fmt.Sprintf("%s is an array of %d", v.path, v.kernel.Count), "take one element of it: x[0]")
	}
	if v.kernel.Count > wideLimit {
		return v, c.problemf(e, "%s has %d bytes; a value may have %d", v.path, v.kernel.Count, wideLimit)
	}
	typ := ir.Type{Kind: ir.Bytes, Size: v.kernel.Count}
	if element.Kind == types.Char {
		typ.Kind = ir.Text
	}
	return value{expr: c.loadFrom(e, v.base, typ, ir.Load{Offset: v.offset, Size: v.kernel.Count, Path: v.path})}, nil
}

// index is x[i] with a constant i.
func (c *checker) index(e, operand, at ast.Expr) (value, *Problem) {
	v, problem := c.value(operand)
	if problem != nil {
		return v, problem
	}
	if v.form != place || v.kernel.Kind != types.Array {
		return v, c.problem(e, fmt.Sprintf("%s has no elements", article(&v)), "")
	}
	i, problem := c.plain(at)
	if problem != nil {
		return i, problem
	}
	if !i.constant() || !i.numeric() {
		return i, c.problem(at, "an index has to be a constant", "")
	}
	n, count := i.expr.Const, uint64(v.kernel.Count)
	if n >= count {
		return i, c.problemf(at, "%s has %d elements", v.path, count)
	}
	element := c.kernel.Elem(v.kernel)
	item := value{
		form: place, kernel: element, base: v.base, offset: v.offset + int(n)*element.Size, path: fmt.Sprintf("%s[%d]", v.path, n),
		// What the verifier knows of pointers in arrays differs between kernels.
		shared: v.shared || element.Kind == types.Pointer,
	}
	return c.read(e, item, 0, 0)
}

// address is a pointer to a struct in its place; a pointer is itself.
func (c *checker) address(e ast.Expr, v value) (value, *Problem) {
	if v.form == place && (v.kernel.Kind == types.Struct || v.kernel.Kind == types.Union) && v.base != nil {
		typ := ir.Type{Kind: ir.Pointer, Struct: v.kernel.Name, Direct: v.base.Type.Direct && !v.shared}
		made := c.make(e, ir.Expr{
			Op: ir.OpAddress, Type: typ, Args: []*ir.Expr{v.base}, Load: ir.Load{Offset: v.offset, Path: v.path},
		})
		return value{expr: made, kernel: v.kernel}, nil
	}
	if v.form == viewed {
		return *v.self, nil
	}
	return c.load(e, v)
}

func structName(t types.Type) string {
	if t.Name == "" {
		return "this struct"
	}
	return t.Name
}
