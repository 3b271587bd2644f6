// SPDX-License-Identifier: Apache-2.0

package gen

import (
	"github.com/cilium/ebpf/asm"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

// scalar evaluates an expression whose value fits a register. What was evaluated on every path to here is not again.
func (b *builder) scalar(e *ir.Expr) operand {
	if n, ok := constantOf(e); ok {
		return constantOperand(n)
	}
	if f := b.known(e, isScalar); f != nil {
		return f.scalar
	}
	defer b.at(e)()
	value := b.compute(e)
	b.learnScalar(e, value)
	return value
}

func (b *builder) compute(e *ir.Expr) operand {
	if !e.Type.Kind.Scalar() {
		b.refuse(e, "a wide value where a number is wanted")
		return constantOperand(0)
	}
	switch e.Op {
	case ir.OpContext, ir.OpLoad, ir.OpPacket:
		return b.loadScalar(e)
	case ir.OpAddress, ir.OpCast, ir.OpRecord:
		return b.address(e)
	case ir.OpTask, ir.OpNow, ir.OpCPU, ir.OpPID, ir.OpTID, ir.OpCgroup, ir.OpRandom, ir.OpElapsed, ir.OpKept, ir.OpStack,
		ir.OpUserStack, ir.OpMeasured:
		return b.around(e)
	case ir.OpNot, ir.OpEq, ir.OpNe, ir.OpLt, ir.OpLe, ir.OpGt, ir.OpGe, ir.OpPrefix, ir.OpWithin, ir.OpOneOf, ir.OpScoped, ir.OpAnd,
		ir.OpOr:
		return b.truth(e)
	case ir.OpNegate, ir.OpInvert, ir.OpNarrow, ir.OpSwap, ir.OpLog2, ir.OpConvert:
		return b.unary(e)
	case ir.OpLength:
		return b.length(e)
	case ir.OpAdd, ir.OpSub, ir.OpMul, ir.OpBitAnd, ir.OpBitOr, ir.OpBitXor:
		return b.arithmetic(e)
	case ir.OpDiv, ir.OpMod:
		return b.divide(e)
	case ir.OpShl, ir.OpShr:
		return b.shift(e)
	case ir.OpCond, ir.OpTry:
		return b.choice(e)
	case ir.OpGuard:
		b.jumpUnless(e.Args[0], b.fail)
		return b.scalar(e.Args[1])
	}
	b.refuse(e, "no program is known for this")
	return constantOperand(0)
}

// truth makes a number of a condition.
func (b *builder) truth(e *ir.Expr) operand {
	result, no, end := b.value(), b.label(), b.label()
	b.jumpIf(e, false, no)
	b.set(result, 1)
	b.jump(end)
	b.place(no)
	b.set(result, 0)
	b.place(end)
	return inRegister(result)
}

// choice is of OpCond and OpTry: a register that each branch writes.
func (b *builder) choice(e *ir.Expr) operand {
	result := b.value()
	b.chooseInto(result, e)
	return inRegister(result)
}

// into evaluates an expression into a register; a choice within a choice needs no other.
func (b *builder) into(result register, e *ir.Expr) {
	if _, constant := constantOf(e); !constant && b.known(e, isScalar) == nil && (e.Op == ir.OpCond || e.Op == ir.OpTry) {
		defer b.at(e)()
		b.chooseInto(result, e)
		return
	}
	b.assign(result, b.scalar(e))
}

func (b *builder) chooseInto(result register, e *ir.Expr) {
	otherwise, end := b.label(), b.label()
	outer, first, second := b.fail, e.Args[0], e.Args[1]
	if e.Op == ir.OpCond {
		first, second = e.Args[1], e.Args[2]
		b.jumpIf(e.Args[0], false, otherwise)
	} else {
		b.fail = otherwise
	}
	b.into(result, first)
	b.fail = outer
	b.jump(end)
	b.place(otherwise)
	b.into(result, second)
	b.place(end)
}

func (b *builder) arithmetic(e *ir.Expr) operand {
	x, y := b.scalar(e.Args[0]), b.scalar(e.Args[1])
	op := map[ir.Op]asm.ALUOp{ir.OpAdd: asm.Add, ir.OpSub: asm.Sub, ir.OpMul: asm.Mul, ir.OpBitAnd: asm.And, ir.OpBitOr: asm.Or,
		ir.OpBitXor: asm.Xor}[e.Op]
	if x.constant() && e.Op != ir.OpSub {
		x, y = y, x
	}
	result := b.fresh(x)
	b.operate(op, result, y)
	return inRegister(result)
}

// operate changes a register by an operand.
func (b *builder) operate(op asm.ALUOp, into register, y operand) {
	if y.constant() && narrow(y.imm) {
		b.aluImm(op, into, int32(y.imm))
		return
	}
	b.alu(op, into, b.reg(y))
}

func (b *builder) unary(e *ir.Expr) operand {
	from := b.scalar(e.Args[0])
	if e.Op == ir.OpConvert {
		if e.Args[0].Type.Kind == ir.Pointer && e.Type.Kind != ir.Pointer && b.typed(e.Args[0]) {
			return b.launder(from)
		}
		return from
	}
	result := b.fresh(from)
	switch e.Op {
	case ir.OpNegate:
		b.aluImm(asm.Neg, result, 0)
	case ir.OpInvert:
		b.aluImm(asm.Xor, result, -1)
	case ir.OpNarrow:
		b.widen(result, e.Load.Size*8, e.Load.Signed)
	case ir.OpSwap:
		b.swap(e, result, e.Load.Size)
	case ir.OpLog2:
		b.log2(result)
	}
	return inRegister(result)
}

// swap reverses the order of bytes; the rest becomes zero.
func (b *builder) swap(e *ir.Expr, r register, size int) {
	sizes := map[int]asm.Size{2: asm.Half, 4: asm.Word, 8: asm.DWord}
	if size == 1 {
		b.aluImm(asm.And, r, 0xff)
		return
	}
	s, ok := sizes[size]
	if !ok {
		b.refuse(e, "swapping %d bytes", size)
		return
	}
	made := asm.HostTo(asm.BE, asm.R0, s)
	b.add(instruction{code: made.OpCode, dst: r, src: none, imm: made.Constant})
}

// extensions are moves that widen by the sign.
var extensions = map[int]asm.ALUOp{8: asm.MovSX8, 16: asm.MovSX16, 32: asm.MovSX32}

// widen makes 64 bits of the lower ones.
func (b *builder) widen(r register, bits int, signed bool) {
	switch {
	case bits >= 64:
		return
	case signed && b.features.SignedOps && extensions[bits] != 0:
		b.alu(extensions[bits], r, r)
	case signed:
		b.aluImm(asm.LSh, r, int32(64-bits))
		b.aluImm(asm.ArSh, r, int32(64-bits))
	case bits < 32:
		b.aluImm(asm.And, r, int32(1)<<bits-1)
	default:
		b.aluImm(asm.LSh, r, int32(64-bits))
		b.aluImm(asm.RSh, r, int32(64-bits))
	}
}

// log2 spreads the highest bit downwards and counts the bits below it. It has no branches: with them the kernel would follow
// 64 paths through the rest of the program.
func (b *builder) log2(r register) {
	t := b.value()
	for _, n := range []int32{1, 2, 4, 8, 16, 32} {
		b.move(t, r)
		b.aluImm(asm.RSh, t, n)
		b.alu(asm.Or, r, t)
	}
	b.aluImm(asm.RSh, r, 1)
	b.countBits(r)
}

func (b *builder) countBits(r register) {
	t, mask := b.value(), b.value()
	b.move(t, r)
	b.aluImm(asm.RSh, t, 1)
	b.set(mask, 0x5555555555555555)
	b.alu(asm.And, t, mask)
	b.alu(asm.Sub, r, t)
	pairs, u := b.value(), b.value()
	b.set(pairs, 0x3333333333333333)
	b.move(u, r)
	b.aluImm(asm.RSh, u, 2)
	b.alu(asm.And, u, pairs)
	b.alu(asm.And, r, pairs)
	b.alu(asm.Add, r, u)
	v, nibbles := b.value(), b.value()
	b.move(v, r)
	b.aluImm(asm.RSh, v, 4)
	b.alu(asm.Add, r, v)
	b.set(nibbles, 0x0f0f0f0f0f0f0f0f)
	b.alu(asm.And, r, nibbles)
	ones := b.value()
	b.set(ones, 0x0101010101010101)
	b.alu(asm.Mul, r, ones)
	b.aluImm(asm.RSh, r, 56)
}

// launder makes a number of a pointer that the verifier knows the type of, which it lets nobody calculate with.
func (b *builder) launder(pointer operand) operand {
	from, into := b.newSlot(8, b.from), b.newSlot(8, b.from)
	b.storeSlot(from, 0, b.reg(pointer), asm.DWord)
	b.storeSlotImm(into, 0, 0, asm.DWord)
	b.call(asm.FnProbeReadKernel, bySlot(into, 0), byNumber(8), bySlot(from, 0))
	result := b.value()
	b.loadSlot(result, into, 0, asm.DWord)
	return inRegister(result)
}
