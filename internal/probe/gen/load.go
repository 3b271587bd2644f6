// SPDX-License-Identifier: Apache-2.0

package gen

import (
	"github.com/cilium/ebpf/asm"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

// memory is something that plain loads read: a register and a distance, or a slot.
type memory struct {
	base register
	slot *slot
	off  int
	// aligned memory must be read at multiples of what is read.
	aligned bool
}

var sizes = map[int]asm.Size{1: asm.Byte, 2: asm.Half, 4: asm.Word, 8: asm.DWord}

// read loads size bytes that lie at off.
func (b *builder) read(m memory, off, size int) register {
	r := b.value()
	if m.slot != nil {
		b.loadSlot(r, m.slot, m.off+off, sizes[size])
		return r
	}
	b.load(r, m.base, m.off+off, sizes[size])
	return r
}

// locate gives memory that holds size bytes of a load: where they are, or a copy.
func (b *builder) locate(e *ir.Expr, size int) memory {
	switch e.Op {
	case ir.OpContext:
		return memory{base: b.context, off: e.Load.Offset, aligned: true}
	case ir.OpPacket:
		return b.locatePacket(e, size)
	}
	p := b.pointer(e.Args[0])
	off := p.off + e.Load.Offset
	if p.trust > untyped {
		b.notNull(p)
		if off < 0 || off+size > 1<<15-1 {
			r := b.fresh(p.base)
			b.operate(asm.Add, r, constantOperand(uint64(off)))
			return memory{base: r}
		}
		return memory{base: b.reg(p.base), off: off}
	}
	if block := b.loads.of(p.root, off, size); block != nil {
		return memory{slot: b.readBlock(e, p, block), off: off - block.low, aligned: true}
	}
	s := b.newSlot(size, e)
	b.readInto(s, 0, size, e, p, e.Load.Offset)
	return memory{slot: s, aligned: true}
}

// readInto copies size bytes at p + off to a slot by the helper.
func (b *builder) readInto(s *slot, at, size int, e *ir.Expr, p pointer, off int) {
	b.guardNull(e, p)
	result := b.called(asm.FnProbeReadKernel, bySlot(s, at), byNumber(uint64(size)), byPointer(b.reg(p.base), p.off+off))
	if !e.Args[0].Type.Direct {
		b.jumpIfImm(asm.JNE, result, 0, b.fail)
	}
}

// guardNull asks for a pointer that is not null where the helper's failure would not tell, because the verifier wants it before
// it lets anyone add to it, or because reading through it does not fail otherwise.
func (b *builder) guardNull(e *ir.Expr, p pointer) {
	if e.Args[0].Type.Direct || b.typed(p.root) {
		b.notNull(p)
	}
}

// readBlock reads several members of one object at once.
func (b *builder) readBlock(e *ir.Expr, p pointer, of *block) *slot {
	for f := b.facts; f != nil; f = f.parent {
		if f.kind == isRead && f.block == of {
			return f.wide.slot
		}
	}
	s := b.newSlot(of.high-of.low, e)
	whole := p
	whole.off = 0
	b.readInto(s, 0, of.high-of.low, e, whole, of.low)
	b.learn(fact{kind: isRead, block: of, wide: &wide{slot: s}})
	return s
}

func (b *builder) locatePacket(e *ir.Expr, size int) memory {
	at := b.scalar(e.Args[0])
	off := b.fresh(at)
	b.operate(asm.Add, off, constantOperand(uint64(e.Load.Offset)))
	// The helper takes 32 bits of it.
	b.jumpIfImm(asm.JGT, off, 0xffff, b.fail)
	s := b.newSlot(size, e)
	result := b.called(asm.FnSkbLoadBytes, byValue(b.context), byValue(off), bySlot(s, 0), byNumber(uint64(size)))
	b.jumpIfImm(asm.JNE, result, 0, b.fail)
	return memory{slot: s, aligned: true}
}

// rawLoad is loadScalar, but for that a boolean may be anything that is not zero.
func (b *builder) rawLoad(e *ir.Expr) operand {
	load := e.Load
	if _, ok := sizes[load.Size]; !ok {
		b.refuse(e, "reading %d bytes", load.Size)
		return constantOperand(0)
	}
	if load.Bits < 0 || load.Shift < 0 || load.Bits+load.Shift > 64 {
		b.refuse(e, "a field of %d bits from %d", load.Bits, load.Shift)
		return constantOperand(0)
	}
	m := b.locate(e, load.Size)
	if b.castsPlanted(e) {
		return b.readOnlyCast(inRegister(b.read(m, 0, load.Size)), e.Type.Struct)
	}
	plain := load.Bits == 0 && load.Shift == 0 && !load.BigEndian
	if plain && load.Signed && load.Size < 8 && b.features.SignedOps && m.slot == nil && e.Op == ir.OpLoad {
		r := b.value()
		b.loadSigned(r, m.base, m.off, sizes[load.Size])
		return inRegister(r)
	}
	r := b.read(m, 0, load.Size)
	if plain && (!load.Signed || load.Size == 8) {
		return inRegister(r)
	}
	return inRegister(b.shape(e, r))
}

func (b *builder) castsPlanted(e *ir.Expr) bool {
	return b.planted && e.Op == ir.OpContext && b.trustOf(e) > untyped
}

// shape makes a number of what was read: order of bytes, bit field, sign.
func (b *builder) shape(e *ir.Expr, raw register) register {
	load := e.Load
	r := b.fresh(inRegister(raw))
	if load.BigEndian {
		b.swap(e, r, load.Size)
	}
	if load.Shift > 0 {
		b.aluImm(asm.RSh, r, int32(load.Shift))
	}
	width := load.Size * 8
	if load.Bits > 0 {
		width = load.Bits
	}
	if load.Signed || load.Bits > 0 && load.Bits+load.Shift < load.Size*8 {
		b.widen(r, width, load.Signed)
	}
	return r
}

func (b *builder) loadScalar(e *ir.Expr) operand {
	raw := b.rawLoad(e)
	if e.Type.Kind != ir.Bool || e.Load.Bits == 1 || raw.constant() {
		return raw
	}
	// A number or its negative has the highest bit, unless it is zero.
	negative := b.fresh(raw)
	b.aluImm(asm.Neg, negative, 0)
	b.alu(asm.Or, negative, raw.reg)
	b.aluImm(asm.RSh, negative, 63)
	return inRegister(negative)
}

// loadWide reads an address, a text or bytes.
func (b *builder) loadWide(e *ir.Expr) *wide {
	size := e.Load.Size
	switch {
	case e.Type.Kind == ir.IP && size != 4 && size != 16, size <= 0 || size > 256:
		b.refuse(e, "reading %d bytes", size)
		return nil
	case e.Type.Kind == ir.Text:
		return b.loadText(e)
	case e.Type.Kind == ir.IP && size == 4:
		raw := b.fresh(inRegister(b.read(b.locate(e, 4), 0, 4)))
		b.aluImm(asm.LSh, raw, 16)
		b.aluImm(asm.Or, raw, 0xffff)
		b.aluImm(asm.LSh, raw, 16)
		return &wide{width: 16, words: []operand{constantOperand(0), inRegister(raw)}}
	}
	size = min(size, e.Type.Bytes())
	m := b.locate(e, size)
	result := &wide{width: e.Type.Width()}
	if result.width/8 > maxWords {
		result.slot = b.newSlot(result.width, e)
	}
	for i := range result.width / 8 {
		word := b.readWord(m, i*8, min(8, size-i*8))
		if result.slot != nil {
			b.storeOperand(result.slot, i*8, word)
			continue
		}
		result.words = append(result.words, word)
	}
	return result
}

// readWord reads up to 8 bytes as a little-endian word.
func (b *builder) readWord(m memory, off, size int) operand {
	if size <= 0 {
		return constantOperand(0)
	}
	result := none
	for done := 0; done < size; {
		piece := 8
		for piece > size-done || m.aligned && (m.off+off+done)%piece != 0 {
			piece /= 2
		}
		r := b.read(m, off+done, piece)
		if result == none {
			result = r
		} else {
			part := b.fresh(inRegister(r))
			b.aluImm(asm.LSh, part, int32(8*done))
			whole := b.fresh(inRegister(result))
			b.alu(asm.Or, whole, part)
			result = whole
		}
		done += piece
	}
	return inRegister(result)
}

// loadText copies a text and cuts it at its first zero byte. The helper wants room for one byte more.
func (b *builder) loadText(e *ir.Expr) *wide {
	size := min(e.Load.Size, e.Type.Bytes())
	s := b.newSlot(e.Type.Width()+8, e)
	b.zero(s)
	var p pointer
	off := e.Load.Offset
	switch e.Op {
	case ir.OpContext:
		p = pointer{base: inRegister(b.context)}
	case ir.OpLoad:
		p = b.pointer(e.Args[0])
		b.guardNull(e, p)
	default:
		b.refuse(e, "a text of a packet")
		return nil
	}
	result := b.called(asm.FnProbeReadKernelStr, bySlot(s, 0), byNumber(uint64(size+1)), byPointer(b.reg(p.base), p.off+off))
	if e.Op == ir.OpLoad && !e.Args[0].Type.Direct {
		b.jumpIfImm(asm.JSLT, result, 0, b.fail)
	}
	return &wide{slot: s, width: e.Type.Width()}
}
