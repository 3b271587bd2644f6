// SPDX-License-Identifier: Apache-2.0

package gen

import (
	"github.com/cilium/ebpf/asm"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

// Expressions that stand for what all others of their kind share: one run has one now.
var (
	nowExpr       = &ir.Expr{Op: ir.OpNow, Type: ir.Type{Kind: ir.Duration}}
	processesExpr = &ir.Expr{Op: ir.OpPID, Type: ir.Type{Kind: ir.Uint}}
)

// userStack is BPF_F_USER_STACK.
const userStack = 1 << 8

// around is what is so while a program runs.
func (b *builder) around(e *ir.Expr) operand {
	switch e.Op {
	case ir.OpTask:
		if b.trustOf(e) > untyped {
			return inRegister(b.called(asm.FnGetCurrentTaskBtf))
		}
		return inRegister(b.called(asm.FnGetCurrentTask))
	case ir.OpNow:
		return b.now()
	case ir.OpCPU:
		return inRegister(b.called(asm.FnGetSmpProcessorId))
	case ir.OpPID:
		r := b.fresh(b.shared(processesExpr, asm.FnGetCurrentPidTgid))
		b.aluImm(asm.RSh, r, 32)
		return inRegister(r)
	case ir.OpTID:
		r := b.fresh(b.shared(processesExpr, asm.FnGetCurrentPidTgid))
		b.widen(r, 32, false)
		return inRegister(r)
	case ir.OpCgroup:
		return inRegister(b.called(asm.FnGetCurrentCgroupId))
	case ir.OpRandom:
		return inRegister(b.called(asm.FnGetPrandomU32))
	case ir.OpStack:
		return b.stack(0)
	case ir.OpUserStack:
		return b.stack(userStack)
	case ir.OpElapsed:
		if b.elapsed != (operand{}) {
			return b.elapsed
		}
	case ir.OpKept:
		if int(e.Const) < len(b.kept) && b.kept[e.Const] != nil {
			return b.kept[e.Const].scalar
		}
	case ir.OpMeasured:
		if value, ok := b.measured[int(e.Const)]; ok {
			return value
		}
	}
	b.refuse(e, "does not stand where it has a meaning")
	return constantOperand(0)
}

func (b *builder) now() operand { return b.shared(nowExpr, asm.FnKtimeGetNs) }

// shared is the result of a helper that gives the same for the whole run.
func (b *builder) shared(key *ir.Expr, helper asm.BuiltinFunc) operand {
	if f := b.known(key, isScalar); f != nil {
		return f.scalar
	}
	value := inRegister(b.called(helper))
	b.learnScalar(key, value)
	return value
}

// stack is the number of a stack; a negative one tells that it was not kept.
func (b *builder) stack(flags uint64) operand {
	id := b.called(asm.FnGetStackid, byValue(b.context), byMap(MapStacks), byNumber(flags))
	kept := b.label()
	b.jumpIfImm(asm.JSGE, id, 0, kept)
	b.lose(ir.StacksFull)
	b.place(kept)
	return inRegister(id)
}

// lose counts a loss and goes on.
func (b *builder) lose(cause ir.Loss) {
	key, missing := b.newSlot(8, nil), b.label()
	b.storeSlotImm(key, 0, 0, asm.DWord)
	counters := b.called(asm.FnMapLookupElem, byMap(MapLosses), bySlot(key, 0))
	b.jumpIfImm(asm.JEq, counters, 0, missing)
	one := b.value()
	b.set(one, 1)
	b.atomic(asm.AddAtomic, counters, 8*int(cause), one)
	b.place(missing)
}
