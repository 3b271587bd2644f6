// SPDX-License-Identifier: Apache-2.0

package gen

import (
	"math/bits"

	"github.com/cilium/ebpf/asm"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

// divide is a guarded division or remainder.
func (b *builder) divide(e *ir.Expr) operand {
	x, y := b.scalar(e.Args[0]), b.scalar(e.Args[1])
	if y.constant() && y.imm == 0 {
		b.jump(b.fail)
		return constantOperand(0)
	}
	if !y.constant() {
		b.jumpIfImm(asm.JEq, y.reg, 0, b.fail)
	}
	if e.Type.Kind.Signed() {
		return b.divideSigned(e.Op, x, y)
	}
	result := b.fresh(x)
	if y.constant() && bits.OnesCount64(y.imm) == 1 {
		b.powerOfTwo(e.Op, result, y.imm)
		return inRegister(result)
	}
	op := asm.Div
	if e.Op == ir.OpMod {
		op = asm.Mod
	}
	// An immediate is widened by its sign, so that greater ones need a register even if they fit.
	if y.constant() && y.imm < 1<<31 {
		b.aluImm(op, result, int32(y.imm))
	} else {
		b.alu(op, result, b.reg(y))
	}
	return inRegister(result)
}

func (b *builder) powerOfTwo(op ir.Op, r register, n uint64) {
	if op == ir.OpDiv {
		b.aluImm(asm.RSh, r, int32(bits.TrailingZeros64(n)))
		return
	}
	b.operate(asm.And, r, constantOperand(n-1))
}

// divideSigned divides without signs and then puts the sign right: the instruction that does so is younger than most kernels,
// and some of them cannot divide the least number by -1.
func (b *builder) divideSigned(op ir.Op, x, y operand) operand {
	if y.constant() && int64(y.imm) > 0 && narrow(y.imm) && b.features.SignedOps {
		result := b.fresh(x)
		signed := asm.SDiv
		if op == ir.OpMod {
			signed = asm.SMod
		}
		b.aluImm(signed, result, int32(y.imm))
		return inRegister(result)
	}
	// sign is all ones for a negative result: of x for a remainder, of x ^ y for a quotient.
	sign := b.fresh(x)
	if op == ir.OpDiv {
		b.operate(asm.Xor, sign, y)
	}
	b.aluImm(asm.ArSh, sign, 63)
	result := b.fresh(b.magnitude(x))
	divisor := b.magnitude(y)
	plain := asm.Div
	if op == ir.OpMod {
		plain = asm.Mod
	}
	b.alu(plain, result, b.reg(divisor))
	b.alu(asm.Xor, result, sign)
	b.alu(asm.Sub, result, sign)
	return inRegister(result)
}

// magnitude is a number without its sign.
func (b *builder) magnitude(x operand) operand {
	if x.constant() {
		if int64(x.imm) < 0 {
			return constantOperand(-x.imm)
		}
		return x
	}
	sign, result := b.fresh(x), b.fresh(x)
	b.aluImm(asm.ArSh, sign, 63)
	b.alu(asm.Xor, result, sign)
	b.alu(asm.Sub, result, sign)
	return inRegister(result)
}

func (b *builder) shift(e *ir.Expr) operand {
	x, y := b.scalar(e.Args[0]), b.scalar(e.Args[1])
	op := asm.LSh
	if e.Op == ir.OpShr {
		op = asm.RSh
		if e.Type.Kind.Signed() {
			op = asm.ArSh
		}
	}
	if y.constant() {
		if y.imm > 63 {
			b.jump(b.fail)
			return constantOperand(0)
		}
		result := b.fresh(x)
		b.aluImm(op, result, int32(y.imm))
		return inRegister(result)
	}
	// Unsigned, so that negative ones are out of range as well.
	b.jumpIfImm(asm.JGT, y.reg, 63, b.fail)
	result := b.fresh(x)
	b.alu(op, result, y.reg)
	return inRegister(result)
}
