// SPDX-License-Identifier: Apache-2.0

package gen

import (
	"encoding/binary"

	"github.com/cilium/ebpf/asm"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

// jumpUnless jumps where a condition does not hold; after it, the condition is known to.
func (b *builder) jumpUnless(e *ir.Expr, target label) { b.jumpIf(e, false, target) }

// jumpIf jumps where a condition is as wanted, and goes on where it is not. No number is made of it.
func (b *builder) jumpIf(e *ir.Expr, want bool, target label) {
	if n, ok := constantOf(e); ok {
		if (n != 0) == want {
			b.jump(target)
		}
		return
	}
	if f := b.known(e, isScalar); f != nil {
		b.jumpOnTruth(f.scalar, want, target)
		return
	}
	defer b.at(e)()
	b.decide(e, want, target)
	b.learnScalar(e, constantOperand(truthOf(!want)))
}

// supposing makes jumps with the facts that hold if they are taken: there, e is known.
func (b *builder) supposing(e *ir.Expr, truth bool, jump func()) {
	before := b.facts
	b.learnScalar(e, constantOperand(truthOf(truth)))
	if e.Op == ir.OpEq || e.Op == ir.OpNe {
		b.learnNotNull(e, truth)
	}
	jump()
	b.facts = before
}

// learnNotNull takes note of a comparison with null.
func (b *builder) learnNotNull(e *ir.Expr, truth bool) {
	n, ok := constantOf(e.Args[1])
	if !ok || n != 0 || e.Args[0].Type.Kind != ir.Pointer || (e.Op == ir.OpNe) != truth {
		return
	}
	if root, off := b.origin(e.Args[0]); off == 0 {
		b.learn(fact{expr: root, kind: isNotNull})
	}
}

func (b *builder) jumpOnTruth(o operand, want bool, target label) {
	if o.constant() {
		if (o.imm != 0) == want {
			b.jump(target)
		}
		return
	}
	op := asm.JEq
	if want {
		op = asm.JNE
	}
	b.jumpIfImm(op, o.reg, 0, target)
}

func (b *builder) decide(e *ir.Expr, want bool, target label) {
	switch e.Op {
	case ir.OpNot:
		b.jumpIf(e.Args[0], !want, target)
	case ir.OpAnd, ir.OpOr:
		b.decideBoth(e, want, target)
	case ir.OpCond:
		b.decideChoice(e, want, target)
	case ir.OpGuard:
		b.jumpUnless(e.Args[0], b.fail)
		b.jumpIf(e.Args[1], want, target)
	case ir.OpEq, ir.OpNe, ir.OpLt, ir.OpLe, ir.OpGt, ir.OpGe:
		if e.Args[0].Type.Kind.Scalar() {
			b.compare(e, want, target)
			return
		}
		b.compareWide(e, want, target)
	case ir.OpPrefix:
		b.comparePrefix(e, want, target)
	case ir.OpWithin:
		b.compareWithin(e, want, target)
	case ir.OpOneOf:
		b.lookUpSet(e, want, target)
	case ir.OpScoped:
		b.lookUp(MapScope, b.scalarInSlot(e.Args[0]), want, target)
	case ir.OpContext, ir.OpLoad, ir.OpPacket:
		b.jumpOnTruth(b.rawLoad(e), want, target)
	default:
		b.jumpOnTruth(b.scalar(e), want, target)
	}
}

func (b *builder) decideBoth(e *ir.Expr, want bool, target label) {
	// decisive is the value of the first operand that settles the matter: false for And, true for Or.
	decisive := e.Op == ir.OpOr
	if want == decisive {
		b.jumpIf(e.Args[0], want, target)
		b.jumpIf(e.Args[1], want, target)
		return
	}
	settled := b.label()
	b.jumpIf(e.Args[0], decisive, settled)
	b.jumpIf(e.Args[1], want, target)
	b.place(settled)
}

func (b *builder) decideChoice(e *ir.Expr, want bool, target label) {
	otherwise, end := b.label(), b.label()
	b.jumpIf(e.Args[0], false, otherwise)
	b.jumpIf(e.Args[1], want, target)
	b.jump(end)
	b.place(otherwise)
	b.jumpIf(e.Args[2], want, target)
	b.place(end)
}

// jumpOps are what jumps if a comparison holds: unsigned, signed.
var jumpOps = map[ir.Op][2]asm.JumpOp{
	ir.OpEq: {asm.JEq, asm.JEq}, ir.OpNe: {asm.JNE, asm.JNE}, ir.OpLt: {asm.JLT, asm.JSLT}, ir.OpLe: {asm.JLE, asm.JSLE},
	ir.OpGt: {asm.JGT, asm.JSGT}, ir.OpGe: {asm.JGE, asm.JSGE},
}

var (
	opposite = map[ir.Op]ir.Op{ir.OpEq: ir.OpNe, ir.OpNe: ir.OpEq, ir.OpLt: ir.OpGe, ir.OpGe: ir.OpLt, ir.OpGt: ir.OpLe, ir.OpLe: ir.OpGt}
	mirrored = map[ir.Op]ir.Op{ir.OpEq: ir.OpEq, ir.OpNe: ir.OpNe, ir.OpLt: ir.OpGt, ir.OpGt: ir.OpLt, ir.OpLe: ir.OpGe, ir.OpGe: ir.OpLe}
)

func (b *builder) compare(e *ir.Expr, want bool, target label) {
	op := e.Op
	if !want {
		op = opposite[op]
	}
	x, y := b.scalar(e.Args[0]), b.scalar(e.Args[1])
	b.supposing(e, want, func() { b.jumpCompare(op, e.Args[0].Type.Kind.Signed(), x, y, target) })
	if e.Op == ir.OpEq || e.Op == ir.OpNe {
		b.learnNotNull(e, !want)
	}
}

func (b *builder) jumpCompare(op ir.Op, signed bool, x, y operand, target label) {
	if x.constant() && y.constant() {
		if holds(op, x.imm, y.imm, signed) {
			b.jump(target)
		}
		return
	}
	if x.constant() {
		x, y, op = y, x, mirrored[op]
	}
	jump := jumpOps[op][truthOf(signed)]
	if y.constant() && narrow(y.imm) {
		b.jumpIfImm(jump, x.reg, int32(y.imm), target)
		return
	}
	b.jumpIfReg(jump, x.reg, b.reg(y), target)
}

// compareWide compares word by word. Texts of different sizes go on with zeros.
func (b *builder) compareWide(e *ir.Expr, want bool, target label) {
	x, y := b.wide(e.Args[0]), b.wide(e.Args[1])
	equal := (e.Op == ir.OpEq) == want
	other := target
	if equal {
		other = b.label()
	}
	// Unequal addresses differ more often in their last word.
	for i := max(x.width, y.width)/8 - 1; i >= 0; i-- {
		b.jumpCompare(ir.OpNe, false, b.word(x, i), b.word(y, i), other)
	}
	if equal {
		b.jump(target)
		b.place(other)
	}
}

// compareMasked jumps where the bits of a mask are (or are not) those of a pattern.
func (b *builder) compareMasked(x *wide, pattern, mask []byte, want bool, target label) {
	other := target
	if want {
		other = b.label()
	}
	for i := 0; i*8 < len(mask); i++ {
		bits := binary.LittleEndian.Uint64(mask[i*8:])
		if bits == 0 {
			continue
		}
		value := b.word(x, i)
		if bits != ^uint64(0) {
			value = b.masked(value, bits)
		}
		b.jumpCompare(ir.OpNe, false, value, constantOperand(binary.LittleEndian.Uint64(pattern[i*8:])&bits), other)
	}
	if want {
		b.jump(target)
		b.place(other)
	}
}

func (b *builder) masked(o operand, mask uint64) operand {
	if o.constant() {
		return constantOperand(o.imm & mask)
	}
	r := b.fresh(o)
	b.operate(asm.And, r, constantOperand(mask))
	return inRegister(r)
}

func (b *builder) comparePrefix(e *ir.Expr, want bool, target label) {
	x := b.wide(e.Args[0])
	if len(e.Wide) > e.Args[0].Type.Bytes() {
		if !want {
			b.jump(target)
		}
		return
	}
	pattern, mask := make([]byte, x.width), make([]byte, x.width)
	copy(pattern, e.Wide)
	for i := range e.Wide {
		mask[i] = 0xff
	}
	b.compareMasked(x, pattern, mask, want, target)
}

func (b *builder) compareWithin(e *ir.Expr, want bool, target label) {
	if len(e.Wide) != 16 || e.Const > 128 {
		b.refuse(e, "%d bits of %d bytes", e.Const, len(e.Wide))
		return
	}
	mask := make([]byte, 16)
	for bit := range e.Const {
		mask[bit/8] |= 0x80 >> (bit % 8)
	}
	b.compareMasked(b.wide(e.Args[0]), e.Wide, mask, want, target)
}

// lookUp jumps on whether a map has a key.
func (b *builder) lookUp(name string, key *slot, want bool, target label) {
	b.call(asm.FnMapLookupElem, byMap(name), bySlot(key, 0))
	op := asm.JEq
	if want {
		op = asm.JNE
	}
	found := b.value()
	b.move(found, 0)
	b.jumpIfImm(op, found, 0, target)
}

func (b *builder) lookUpSet(e *ir.Expr, want bool, target label) {
	if len(e.Set) == 0 {
		b.jumpOnTruth(constantOperand(0), want, target)
		return
	}
	name, err := b.sets.add(e)
	if err != nil {
		b.refuse(e, "%s", err)
		return
	}
	if e.Args[0].Type.Kind.Scalar() {
		b.lookUp(name, b.scalarInSlot(e.Args[0]), want, target)
		return
	}
	b.lookUp(name, b.wideInSlot(e.Args[0]), want, target)
}

func (b *builder) scalarInSlot(e *ir.Expr) *slot {
	s := b.newSlot(8, e)
	b.storeOperand(s, 0, b.scalar(e))
	return s
}

// storeOperand writes a word to a slot.
func (b *builder) storeOperand(into *slot, off int, o operand) {
	if o.constant() && narrow(o.imm) {
		b.storeSlotImm(into, off, int32(o.imm), asm.DWord)
		return
	}
	b.storeSlot(into, off, b.reg(o), asm.DWord)
}
