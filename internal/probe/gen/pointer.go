// SPDX-License-Identifier: Apache-2.0

package gen

import (
	"github.com/cilium/ebpf/asm"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

// trust is what the verifier lets a program do with a pointer.
type trust uint8

const (
	// untyped pointers are numbers: they are read by a helper. readable ones may be read by plain loads. Those that are passable
	// may be handed to helpers, and what is loaded through the trusted ones is passable.
	untyped trust = iota
	readable
	passable
	trusted
)

// pointer is a pointer as an address: a value, and how far from it.
type pointer struct {
	root  *ir.Expr
	base  operand
	off   int
	trust trust
}

// traced tells whether the verifier knows the types of a hook's arguments.
func traced(kind ir.HookKind) bool {
	switch kind {
	case ir.BTFTracepoint, ir.Entry, ir.Exit, ir.Iterator:
		return true
	}
	return false
}

// trustOf foretells what the verifier will make of a pointer.
func (b *builder) trustOf(e *ir.Expr) trust {
	if e.Type.Kind != ir.Pointer {
		return untyped
	}
	switch e.Op {
	case ir.OpConst:
		return trusted
	case ir.OpContext:
		switch {
		case !e.Type.Direct:
			return untyped
		case b.planted:
			if _, ok := b.typeNumber(e.Type.Struct); ok {
				return readable
			}
		case traced(b.hook.Kind):
			return trusted
		}
	case ir.OpTask:
		if e.Type.Direct && b.features.TaskPointer {
			return passable
		}
	case ir.OpLoad:
		if from := b.trustOf(e.Args[0]); e.Type.Direct && from > untyped {
			return max(readable, from-1)
		}
	case ir.OpAddress:
		return b.trustOf(e.Args[0])
	case ir.OpCast:
		return b.trustOfCast(e)
	case ir.OpGuard:
		return b.trustOf(e.Args[1])
	case ir.OpCond:
		return min(b.trustOf(e.Args[1]), b.trustOf(e.Args[2]))
	}
	return untyped
}

func (b *builder) trustOfCast(e *ir.Expr) trust {
	from := e.Args[0]
	switch {
	case b.castByHelper(e):
		return passable
	case beginsWith(from.Type.Struct, e.Type.Struct):
		return b.trustOf(from)
	case b.castByNumber(e):
		return readable
	}
	return untyped
}

// castByHelper tells whether bpf_skc_to_tcp_sock does what a cast asks for, guard included.
func (b *builder) castByHelper(e *ir.Expr) bool {
	if e.Type.Struct != "tcp_sock" || !e.Type.Direct || !b.features.SocketCast || len(e.Args) < 2 || !traced(b.hook.Kind) {
		return false
	}
	return b.trustOf(e.Args[0]) >= passable && beginsWith("tcp_sock", e.Args[0].Type.Struct) && e.Args[0].Op != ir.OpAddress
}

// castByNumber tells whether bpf_rdonly_cast gives the pointer its type.
func (b *builder) castByNumber(e *ir.Expr) bool {
	if !e.Type.Direct {
		return false
	}
	_, ok := b.typeNumber(e.Type.Struct)
	return ok
}

func (b *builder) typeNumber(structure string) (uint32, bool) {
	if b.features.ReadOnlyCast == 0 || b.features.TypeNumber == nil || structure == "" {
		return 0, false
	}
	return b.features.TypeNumber(structure)
}

// first is which struct a struct begins with: a pointer to one is a pointer to the other.
var first = map[string]string{
	"tcp6_sock": "tcp_sock", "tcp_sock": "inet_connection_sock", "inet_connection_sock": "inet_sock", "udp6_sock": "udp_sock",
	"udp_sock": "inet_sock", "raw_sock": "inet_sock", "inet_sock": "sock", "unix_sock": "sock", "sock": "sock_common",
	"inet_timewait_sock": "sock_common", "tcp_timewait_sock": "inet_timewait_sock", "request_sock": "sock_common",
	"inet_request_sock": "request_sock", "tcp_request_sock": "inet_request_sock",
}

func beginsWith(structure, with string) bool {
	for structure != "" {
		if structure == with {
			return true
		}
		structure = first[structure]
	}
	return false
}

// typed tells whether the verifier takes a value for more than a number.
func (b *builder) typed(e *ir.Expr) bool {
	switch e.Op {
	case ir.OpContext:
		return e.Type.Kind == ir.Pointer && (b.planted || traced(b.hook.Kind))
	case ir.OpRecord:
		return true
	case ir.OpTask:
		return b.trustOf(e) > untyped
	case ir.OpLoad:
		return e.Type.Kind == ir.Pointer && b.trustOf(e.Args[0]) > untyped
	case ir.OpAddress, ir.OpCast:
		return b.typed(e.Args[0]) || b.trustOf(e) > untyped
	case ir.OpGuard:
		return b.typed(e.Args[1])
	case ir.OpCond:
		return b.typed(e.Args[1]) || b.typed(e.Args[2])
	case ir.OpTry:
		return b.typed(e.Args[0]) || b.typed(e.Args[1])
	}
	return false
}

// origin is from where a pointer counts, without evaluating anything: see pointer.
func (b *builder) origin(e *ir.Expr) (root *ir.Expr, off int) {
	switch e.Op {
	case ir.OpAddress:
		root, off = b.origin(e.Args[0])
		return root, off + e.Load.Offset
	case ir.OpGuard:
		return b.origin(e.Args[1])
	case ir.OpCast:
		if !b.castEmits(e) {
			return b.origin(e.Args[0])
		}
	}
	return e, 0
}

// castEmits tells whether a cast is more than another name.
func (b *builder) castEmits(e *ir.Expr) bool {
	return b.castByHelper(e) || !beginsWith(e.Args[0].Type.Struct, e.Type.Struct) && b.castByNumber(e)
}

// pointer evaluates an address. It is not null where the verifier or the language asks for that.
func (b *builder) pointer(e *ir.Expr) pointer {
	switch e.Op {
	case ir.OpAddress:
		p := b.pointer(e.Args[0])
		b.notNull(p)
		p.off += e.Load.Offset
		return p
	case ir.OpGuard:
		b.jumpUnless(e.Args[0], b.fail)
		return b.pointer(e.Args[1])
	case ir.OpCast:
		if b.castEmits(e) {
			break
		}
		if len(e.Args) > 1 {
			b.jumpUnlessAfter(e)
		}
		p := b.pointer(e.Args[0])
		p.trust = b.trustOf(e)
		return p
	}
	return pointer{root: e, base: b.scalar(e), trust: b.trustOf(e)}
}

// jumpUnlessAfter asks for the guard of a cast once its operand has been evaluated: operands go from left to right.
func (b *builder) jumpUnlessAfter(e *ir.Expr) {
	b.pointer(e.Args[0])
	b.jumpUnless(e.Args[1], b.fail)
}

func (b *builder) notNull(p pointer) {
	if p.root.Op == ir.OpRecord || b.known(p.root, isNotNull) != nil {
		return
	}
	if p.base.constant() {
		if p.base.imm == 0 {
			b.jump(b.fail)
		}
		return
	}
	b.jumpIfImm(asm.JEq, p.base.reg, 0, b.fail)
	b.learn(fact{expr: p.root, kind: isNotNull})
}

// address is a pointer as one number.
func (b *builder) address(e *ir.Expr) operand {
	switch {
	case e.Op == ir.OpRecord:
		return inRegister(b.context)
	case e.Op == ir.OpCast && b.castEmits(e):
		return b.cast(e)
	}
	p := b.pointer(e)
	if p.off == 0 {
		return p.base
	}
	r := b.fresh(p.base)
	b.operate(asm.Add, r, constantOperand(uint64(p.off)))
	return inRegister(r)
}

func (b *builder) cast(e *ir.Expr) operand {
	if b.castByHelper(e) {
		p := b.pointer(e.Args[0])
		b.notNull(p)
		socket := b.called(asm.FnSkcToTcpSock, byPointer(b.reg(p.base), p.off))
		b.jumpIfImm(asm.JEq, socket, 0, b.fail)
		b.learn(fact{expr: e, kind: isNotNull})
		return inRegister(socket)
	}
	from := b.scalar(e.Args[0])
	if len(e.Args) > 1 {
		b.jumpUnless(e.Args[1], b.fail)
	}
	return b.readOnlyCast(from, e.Type.Struct)
}

// readOnlyCast tells the verifier what a number points to.
func (b *builder) readOnlyCast(from operand, structure string) operand {
	number, ok := b.typeNumber(structure)
	if !ok {
		return from
	}
	b.assign(1, from)
	b.set(2, uint64(number))
	call := asm.FnUnspec.Call()
	b.add(instruction{code: call.OpCode, dst: none, src: none, imm: int64(b.features.ReadOnlyCast), pseudo: asm.PseudoKfuncCall,
		arguments: 2})
	r := b.value()
	b.move(r, 0)
	return inRegister(r)
}
