// SPDX-License-Identifier: Apache-2.0

package gen

import (
	"encoding/binary"

	"github.com/cilium/ebpf/asm"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

// maxWords is how many words of a wide value are kept in registers; longer ones are in a slot.
const maxWords = 2

// wide evaluates a wide expression.
func (b *builder) wide(e *ir.Expr) *wide {
	if f := b.known(e, isWide); f != nil {
		return f.wide
	}
	defer b.at(e)()
	value := b.computeWide(e)
	if value == nil {
		value = &wide{width: e.Type.Width(), words: make([]operand, e.Type.Width()/8)}
		for i := range value.words {
			value.words[i] = constantOperand(0)
		}
	}
	b.learn(fact{expr: e, kind: isWide, wide: value})
	return value
}

func (b *builder) computeWide(e *ir.Expr) *wide {
	if e.Type.Kind.Scalar() || e.Type.Kind == ir.Invalid || e.Type.Bytes() <= 0 {
		b.refuse(e, "a number where a wide value is wanted")
		return nil
	}
	switch e.Op {
	case ir.OpConst:
		return constantWide(e)
	case ir.OpContext, ir.OpLoad, ir.OpPacket:
		return b.loadWide(e)
	case ir.OpString:
		return b.readString(e, asm.FnProbeReadKernelStr)
	case ir.OpUserString:
		return b.readString(e, asm.FnProbeReadUserStr)
	case ir.OpComm:
		return b.comm(e)
	case ir.OpKept:
		if int(e.Const) < len(b.kept) {
			return b.kept[e.Const].wide
		}
	case ir.OpCond:
		otherwise := b.label()
		b.jumpIf(e.Args[0], false, otherwise)
		return b.either(e, e.Args[1], otherwise, e.Args[2])
	case ir.OpGuard:
		b.jumpUnless(e.Args[0], b.fail)
		return b.wide(e.Args[1])
	case ir.OpTry:
		failed := b.label()
		return b.either(e, e.Args[0], failed, e.Args[1])
	}
	b.refuse(e, "no program is known for this")
	return nil
}

func constantWide(e *ir.Expr) *wide {
	padded := make([]byte, e.Type.Width())
	copy(padded, e.Wide)
	w := &wide{width: len(padded)}
	for i := 0; i < len(padded); i += 8 {
		w.words = append(w.words, constantOperand(binary.LittleEndian.Uint64(padded[i:])))
	}
	return w
}

// word is the i-th word of a wide value; beyond its end are zeros.
func (b *builder) word(w *wide, i int) operand {
	if i*8 >= w.width {
		return constantOperand(0)
	}
	if w.words != nil {
		return w.words[i]
	}
	r := b.value()
	b.loadSlot(r, w.slot, w.off+i*8, asm.DWord)
	return inRegister(r)
}

// either gives one value for two ways to get it: first, or what stands at the label. For OpTry, the label is where a failure of
// first goes.
func (b *builder) either(e, first *ir.Expr, otherwise label, second *ir.Expr) *wide {
	result := &wide{width: e.Type.Width()}
	if words := result.width / 8; words <= maxWords {
		for range words {
			result.words = append(result.words, inRegister(b.value()))
		}
	} else {
		result.slot = b.newSlot(result.width, e)
	}
	end, outer := b.label(), b.fail
	if e.Op == ir.OpTry {
		b.fail = otherwise
	}
	b.copyWide(result, b.wide(first))
	b.fail = outer
	b.jump(end)
	b.place(otherwise)
	b.copyWide(result, b.wide(second))
	b.place(end)
	return result
}

func (b *builder) copyWide(into, from *wide) {
	for i := range into.width / 8 {
		if into.words != nil {
			b.assign(into.words[i].reg, b.word(from, i))
			continue
		}
		b.storeOperand(into.slot, into.off+i*8, b.word(from, i))
	}
}

// wideInSlot gives a wide value a place in memory.
func (b *builder) wideInSlot(e *ir.Expr) *slot {
	value := b.wide(e)
	if value.slot != nil && value.off == 0 {
		return value.slot
	}
	s := b.newSlot(value.width, e)
	b.copyWide(&wide{width: value.width, slot: s}, value)
	return s
}

func (b *builder) zero(s *slot) {
	for off := 0; off < s.size; off += 8 {
		b.storeSlotImm(s, off, 0, asm.DWord)
	}
}

// readString reads until a zero byte.
func (b *builder) readString(e *ir.Expr, helper asm.BuiltinFunc) *wide {
	from := b.scalar(e.Args[0])
	s := b.newSlot(e.Type.Width(), e)
	b.zero(s)
	result := b.called(helper, bySlot(s, 0), byNumber(uint64(e.Type.Size)), byValue(b.reg(from)))
	b.jumpIfImm(asm.JSLT, result, 0, b.fail)
	return &wide{slot: s, width: e.Type.Width()}
}

// comm is the thread's name. The helper fills the rest with zeros.
func (b *builder) comm(e *ir.Expr) *wide {
	s := b.newSlot(16, e)
	b.call(asm.FnGetCurrentComm, bySlot(s, 0), byNumber(16))
	return b.cut(e, &wide{slot: s, width: 16})
}

// cut adapts a value to the width of a type.
func (b *builder) cut(e *ir.Expr, from *wide) *wide {
	if e.Type.Width() == from.width && e.Type.Bytes() == from.width {
		return from
	}
	result := &wide{width: e.Type.Width(), slot: b.newSlot(e.Type.Width(), e)}
	for i := range result.width / 8 {
		value := b.word(from, i)
		if rest := e.Type.Bytes() - i*8; rest < 8 {
			value = b.masked(value, 1<<(8*rest)-1)
		}
		b.storeOperand(result.slot, i*8, value)
	}
	return result
}

// length is how many bytes of a text come before its end.
func (b *builder) length(e *ir.Expr) operand {
	text := b.wide(e.Args[0])
	result, end := b.value(), b.label()
	for i := 0; i < text.width; i += 8 {
		word := b.word(text, i/8)
		// The rest of a text is zero, so that the highest byte that is not zero is the last one.
		next := b.label()
		b.jumpCompare(ir.OpGt, false, b.lastByte(word), constantOperand(0), next)
		// This word is not full: its length is 8 less the zero bytes above.
		b.lengthOfWord(result, word, i)
		b.jump(end)
		b.place(next)
	}
	b.set(result, uint64(text.width))
	b.place(end)
	return inRegister(result)
}

func (b *builder) lastByte(word operand) operand {
	if word.constant() {
		return constantOperand(word.imm >> 56)
	}
	r := b.fresh(word)
	b.aluImm(asm.RSh, r, 56)
	return inRegister(r)
}

func (b *builder) lengthOfWord(into register, word operand, before int) {
	rest, end := b.fresh(word), b.label()
	b.set(into, uint64(before))
	for range 7 {
		b.jumpIfImm(asm.JEq, rest, 0, end)
		b.aluImm(asm.Add, into, 1)
		b.aluImm(asm.RSh, rest, 8)
	}
	b.place(end)
}
