// SPDX-License-Identifier: Apache-2.0

package lang

import (
	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
	"github.com/aeolus-ebpf/aeolus/internal/probe/types"
)

// form is how a value is at hand while a text is checked.
type form uint8

const (
	// plain values are an expression.
	plain form = iota
	// place values are a struct, union or array where it lies: at offset from the pointer base, or in the context.
	place
	// viewed values are a pointer looked at through a view.
	viewed
	// prefix values are a range of addresses.
	prefix
	// null is the literal.
	null
)

// value is what a part of a text stands for.
type value struct {
	form form
	expr *ir.Expr
	// kernel is what a plain pointer points to, or what lies at a place.
	kernel types.Type
	// base, offset and path tell a place; direct whether it may be read by plain loads, shared whether it is in a union
	// behind another member.
	base   *ir.Expr
	offset int
	path   string
	shared bool
	view   *view
	// self is what a view looks at.
	self *value
	// literal numbers take the type of what they are used with.
	literal bool
	// static values are known from the kernel alone: has(), and what is made of it.
	static bool
	// bits of a prefix.
	bits int
}

// holds is a static or constant value's truth.
func (v *value) holds() bool { return v.expr != nil && v.expr.Op == ir.OpConst && v.expr.Const != 0 }

func (v *value) constant() bool { return v.form == plain && v.expr.Op == ir.OpConst }

func (v *value) kind() ir.Kind {
	if v.form == plain {
		return v.expr.Type.Kind
	}
	return ir.Invalid
}

func (v *value) numeric() bool { return v.kind() == ir.Int || v.kind() == ir.Uint }

func (v *value) pointer() bool { return v.kind() == ir.Pointer }

// String says what a value is, for messages.
func (v *value) String() string {
	switch v.form {
	case null:
		return "null"
	case prefix:
		return "a range of addresses"
	case viewed:
		return "the view " + v.view.name
	case place:
		return v.kernel.String()
	}
	if v.expr.Type.Kind == ir.Pointer && v.expr.Type.Struct == "" && v.kernel.Kind == types.Char {
		return "pointer to characters"
	}
	if v.expr.Type.Kind == ir.Text && v.expr.Op == ir.OpConst {
		return "a text"
	}
	return v.expr.Type.String()
}
