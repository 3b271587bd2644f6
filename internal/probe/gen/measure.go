// SPDX-License-Identifier: Apache-2.0

package gen

import (
	"math/bits"

	"github.com/cilium/ebpf/asm"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

// measureBytes is what a measure takes in a row.
func measureBytes(m *ir.Measure) int {
	switch m.Kind {
	case ir.Average:
		return 16
	case ir.Log2Histogram:
		return 64 * 8
	case ir.Histogram:
		return (len(m.Bounds) + 1) * 8
	case ir.Distinct:
		return 1 << m.Precision
	}
	return 8
}

// measureOffset is where a measure lies in a row.
func measureOffset(measures []ir.Measure, index int) int {
	off := 0
	for i := range index {
		off += measureBytes(&measures[i])
	}
	return off
}

// measureValue evaluates what goes into a measure.
func (b *builder) measureValue(i int) *measureValue {
	var e *ir.Expr
	if i < len(b.hook.Measures) {
		e = b.hook.Measures[i]
	}
	switch {
	case e == nil && (b.probe.Measures[i].Kind == ir.Count || b.probe.Measures[i].Kind == ir.Rate):
		return &measureValue{scalar: constantOperand(1)}
	case e == nil:
		b.refuse(nil, "measure %s has no value", b.probe.Measures[i].Name)
		return &measureValue{scalar: constantOperand(0)}
	case !e.Type.Kind.Scalar():
		return &measureValue{wide: b.wide(e)}
	}
	value := b.scalar(e)
	if e.Type.Kind == ir.Pointer && b.typed(e) {
		value = b.launder(value)
	}
	return &measureValue{scalar: value}
}

// measure lets a row take a value.
func (b *builder) measure(i int, row register, value *measureValue) {
	m := &b.probe.Measures[i]
	off := measureOffset(b.probe.Measures, i)
	if value.wide != nil && m.Kind != ir.Distinct {
		b.refuse(nil, "measure %s of a wide value", m.Name)
		return
	}
	signed := m.Type.Kind.Signed()
	switch m.Kind {
	case ir.Count:
		b.increase(row, off, constantOperand(1))
	case ir.Sum, ir.Rate:
		b.increase(row, off, value.scalar)
	case ir.Average:
		b.increase(row, off, value.scalar)
		b.increase(row, off+8, constantOperand(1))
	case ir.Min, ir.Max:
		b.raise(row, off, b.ranked(value.scalar, m.Kind, signed))
	case ir.Log2Histogram:
		b.increaseAt(row, off, b.log2Bucket(value.scalar, signed))
	case ir.Histogram:
		b.histogram(m, row, off, value.scalar)
	case ir.Distinct:
		b.distinct(m, row, off, value)
	default:
		b.refuse(nil, "measure %s is of no known kind", m.Name)
	}
}

// atomically tells whether two programs may change one row of one processor at a time: two hooks may nest, and so may a hook
// with itself where the kernel does not keep it from that. For tracepoints that read arguments it does since 6.1, which the
// fourth instruction set (6.6) tells; for trampolines since 5.12, as the fetching atomics.
func (b *builder) atomically() bool {
	if len(b.probe.Hooks) > 1 {
		return true
	}
	switch b.hook.Kind {
	case ir.BTFTracepoint, ir.RawTracepoint:
		return !b.features.SignedOps
	case ir.Entry, ir.Exit:
		return !b.features.Atomics
	case ir.Tracepoint, ir.Iterator, ir.TCX:
		return false
	}
	return true
}

// increase adds to a number of the row.
func (b *builder) increase(row register, off int, by operand) {
	if b.atomically() {
		b.atomic(asm.AddAtomic, row, off, b.fresh(by))
		return
	}
	sum := b.value()
	b.load(sum, row, off, asm.DWord)
	b.operate(asm.Add, sum, by)
	b.store(row, off, sum, asm.DWord)
}

func (b *builder) increaseAt(row register, off int, index register) {
	b.aluImm(asm.LSh, index, 3)
	b.alu(asm.Add, index, row)
	b.increase(index, off, constantOperand(1))
}

// ranked turns a value so that the greatest is the one to keep, unsigned, and 0 is less than all others: rows begin with zeros.
func (b *builder) ranked(value operand, kind ir.MeasureKind, signed bool) operand {
	flip := rankFlip(kind, signed)
	if flip == 0 {
		return value
	}
	if value.constant() {
		return constantOperand(value.imm ^ flip)
	}
	r := b.fresh(value)
	b.operate(asm.Xor, r, constantOperand(flip))
	return inRegister(r)
}

func rankFlip(kind ir.MeasureKind, signed bool) uint64 {
	flip := uint64(0)
	if signed {
		flip = 1 << 63
	}
	if kind == ir.Min {
		flip = ^flip
	}
	return flip
}

// raise keeps the greater one.
func (b *builder) raise(row register, off int, value operand) {
	now, done := b.value(), b.label()
	b.load(now, row, off, asm.DWord)
	to := b.reg(value)
	b.jumpIfReg(asm.JGE, now, to, done)
	if b.atomically() && b.features.Atomics {
		// Whoever came between has the word now. Once more is enough on one processor.
		b.exchangeGreater(row, off, now, to, done)
		b.load(now, row, off, asm.DWord)
		b.jumpIfReg(asm.JGE, now, to, done)
		b.exchangeGreater(row, off, now, to, done)
	} else {
		b.store(row, off, to, asm.DWord)
	}
	b.place(done)
}

func (b *builder) exchangeGreater(row register, off int, now, to register, done label) {
	b.move(0, now)
	b.atomic(asm.CmpXchg, row, off, to)
	was := b.value()
	b.move(was, 0)
	b.jumpIfReg(asm.JEq, was, now, done)
}

// log2Bucket is the number of bits of a value, which is 0 for those below zero, and 63 at most.
func (b *builder) log2Bucket(value operand, signed bool) register {
	if value.constant() {
		n := bits.Len64(value.imm)
		if signed && int64(value.imm) < 0 {
			n = 0
		}
		r := b.value()
		b.set(r, uint64(min(n, 63)))
		return r
	}
	r := b.fresh(value)
	if signed {
		// Below zero: and with the inverted sign.
		sign := b.fresh(value)
		b.aluImm(asm.ArSh, sign, 63)
		b.aluImm(asm.Xor, sign, -1)
		b.alu(asm.And, r, sign)
	}
	t := b.value()
	for _, n := range []int32{1, 2, 4, 8, 16, 32} {
		b.move(t, r)
		b.aluImm(asm.RSh, t, n)
		b.alu(asm.Or, r, t)
	}
	if !signed {
		// Of 64 bits, count 63.
		c := b.fresh(inRegister(r))
		b.aluImm(asm.RSh, c, 63)
		b.alu(asm.Xor, r, c)
	}
	b.countBits(r)
	b.aluImm(asm.And, r, 63)
	return r
}

// histogram finds the bucket by halves, and increases it where it is found: an index would be followed by the verifier for each
// of its values.
func (b *builder) histogram(m *ir.Measure, row register, off int, value operand) {
	signed, done := m.Type.Kind.Signed(), b.label()
	v := b.reg(value)
	var halve func(low, high int)
	halve = func(low, high int) {
		if low == high {
			b.increase(row, off+8*low, constantOperand(1))
			b.jump(done)
			return
		}
		middle, above := (low+high)/2, b.label()
		b.jumpCompare(ir.OpGe, signed, inRegister(v), constantOperand(uint64(m.Bounds[middle])), above)
		halve(low, middle)
		b.place(above)
		halve(middle+1, high)
	}
	halve(0, len(m.Bounds))
	b.place(done)
}

// distinct raises the register of a value's hash: see ir.Hash and ir.Register.
func (b *builder) distinct(m *ir.Measure, row register, off int, value *measureValue) {
	if m.Precision < 4 || m.Precision > 12 {
		b.refuse(nil, "a precision of %d bits", m.Precision)
		return
	}
	hash := b.hash(value)
	index := b.fresh(inRegister(hash))
	b.aluImm(asm.RSh, index, int32(64-m.Precision))
	rank := b.fresh(inRegister(hash))
	b.aluImm(asm.LSh, rank, int32(m.Precision))
	b.aluImm(asm.Or, rank, 1<<(m.Precision-1))
	b.log2(rank)
	b.aluImm(asm.Neg, rank, 0)
	b.aluImm(asm.Add, rank, 64)
	b.alu(asm.Add, index, row)
	now, done := b.value(), b.label()
	b.load(now, index, off, asm.Byte)
	b.jumpIfReg(asm.JGE, now, rank, done)
	b.store(index, off, rank, asm.Byte)
	b.place(done)
}

func (b *builder) hash(value *measureValue) register {
	words := []operand{value.scalar}
	if value.wide != nil {
		words = nil
		for i := range value.wide.width / 8 {
			words = append(words, b.word(value.wide, i))
		}
	}
	hash, mix, t := b.value(), b.value(), b.value()
	b.set(hash, ir.HashSeed)
	b.set(mix, ir.HashMix)
	for _, word := range words {
		b.operate(asm.Xor, hash, word)
		b.alu(asm.Mul, hash, mix)
		b.move(t, hash)
		b.aluImm(asm.RSh, t, 32)
		b.alu(asm.Xor, hash, t)
	}
	finish := b.value()
	b.set(finish, ir.HashFinish)
	b.alu(asm.Mul, hash, finish)
	b.move(t, hash)
	b.aluImm(asm.RSh, t, 29)
	b.alu(asm.Xor, hash, t)
	return hash
}
