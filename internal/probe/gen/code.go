// SPDX-License-Identifier: Apache-2.0

package gen

import (
	"math"

	"github.com/cilium/ebpf/asm"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

// register is a machine register (0 to 10) or, from firstVirtual on, a value that is yet to be given one.
type register int32

const (
	none         register = -1
	frame        register = 10
	firstVirtual register = 16
)

func (r register) virtual() bool { return r >= firstVirtual }

// label is a place to jump to. All jumps go forward: that keeps lifetimes simple, because a value lives from its first
// definition to its last use in the order of the code, whatever path is taken.
type label int32

// slot is a piece of the stack. Its size is a multiple of 8.
type slot struct {
	size int
	// expr is what needs it, for messages.
	expr *ir.Expr
	// first and last are the instructions that touch it, offset is where it lies below the frame pointer.
	first, last, offset int
}

// instruction is one of asm, with registers yet to be chosen.
type instruction struct {
	code     asm.OpCode
	dst, src register
	off      int16
	imm      int64
	// pseudo is asm.PseudoMapFD and so on for 64-bit immediates and calls, and reference the map's name.
	pseudo    asm.Register
	reference string
	// target is where a jump goes, place is the label that stands here (the instruction is none then).
	target, place label
	// slot is what off, or imm where slotAddress is set, counts from.
	slot        *slot
	slotAddress bool
	// arguments of a call are in R1 and up; table is the map among them, touches are the slots that it reads or writes.
	arguments int
	table     string
	touches   []*slot
	from      *ir.Expr
	what      string
	// rare instructions are not run by a usual match: the predicted cost leaves them out.
	rare bool
}

// code collects instructions.
type code struct {
	list   []instruction
	values register
	labels label
	// from, what and rare are written to the instructions that follow.
	from *ir.Expr
	what string
	rare bool
}

func newCode() code { return code{values: firstVirtual, labels: 1} }

func (c *code) value() register {
	c.values++
	return c.values - 1
}

func (c *code) label() label {
	c.labels++
	return c.labels - 1
}

func (c *code) add(i instruction) {
	i.from, i.what, i.rare = c.from, c.what, c.rare
	c.list = append(c.list, i)
}

func narrow(n uint64) bool { return int64(n) >= math.MinInt32 && int64(n) <= math.MaxInt32 }

func (c *code) move(dst, src register) {
	c.add(instruction{code: asm.Mov.Op(asm.RegSource), dst: dst, src: src})
}

func (c *code) set(dst register, n uint64) {
	if narrow(n) {
		c.add(instruction{code: asm.Mov.Op(asm.ImmSource), dst: dst, src: none, imm: int64(n)})
		return
	}
	c.add(instruction{code: asm.LoadImmOp(asm.DWord), dst: dst, src: none, imm: int64(n)})
}

func (c *code) setMap(dst register, name string) {
	c.add(instruction{code: asm.LoadImmOp(asm.DWord), dst: dst, src: none, pseudo: asm.PseudoMapFD, reference: name})
}

// setMapValue points into the only value of an array.
func (c *code) setMapValue(dst register, name string, offset int) {
	c.add(instruction{code: asm.LoadImmOp(asm.DWord), dst: dst, src: none, pseudo: asm.PseudoMapValue, reference: name,
		imm: int64(offset) << 32})
}

func (c *code) alu(op asm.ALUOp, dst, src register) {
	c.add(instruction{code: op.Op(asm.RegSource), dst: dst, src: src})
}

func (c *code) aluImm(op asm.ALUOp, dst register, n int32) {
	c.add(instruction{code: op.Op(asm.ImmSource), dst: dst, src: none, imm: int64(n)})
}

func (c *code) load(dst, base register, off int, size asm.Size) {
	c.add(instruction{code: asm.LoadMemOp(size), dst: dst, src: base, off: int16(off)})
}

func (c *code) loadSigned(dst, base register, off int, size asm.Size) {
	c.add(instruction{code: asm.LoadMemSXOp(size), dst: dst, src: base, off: int16(off)})
}

func (c *code) store(base register, off int, src register, size asm.Size) {
	c.add(instruction{code: asm.StoreMemOp(size), dst: base, src: src, off: int16(off)})
}

func (c *code) storeImm(base register, off int, n int32, size asm.Size) {
	c.add(instruction{code: asm.StoreImmOp(size), dst: base, src: none, off: int16(off), imm: int64(n)})
}

// atomic says which operation it is in the immediate as well: the library forgets to when it marshals.
func (c *code) atomic(op asm.AtomicOp, base register, off int, src register) {
	c.add(instruction{code: op.OpCode(asm.DWord), dst: base, src: src, off: int16(off), imm: int64(op >> 8)})
}

func (c *code) newSlot(size int, expr *ir.Expr) *slot {
	return &slot{size: (size + 7) &^ 7, expr: expr}
}

func (c *code) loadSlot(dst register, from *slot, off int, size asm.Size) {
	c.add(instruction{code: asm.LoadMemOp(size), dst: dst, src: frame, off: int16(off), slot: from})
}

func (c *code) storeSlot(into *slot, off int, src register, size asm.Size) {
	c.add(instruction{code: asm.StoreMemOp(size), dst: frame, src: src, off: int16(off), slot: into})
}

func (c *code) storeSlotImm(into *slot, off int, n int32, size asm.Size) {
	c.add(instruction{code: asm.StoreImmOp(size), dst: frame, src: none, off: int16(off), imm: int64(n), slot: into})
}

// slotAddress makes a pointer to a slot. Its life is not tracked: use it at once.
func (c *code) slotAddress(dst register, of *slot, off int) {
	c.move(dst, frame)
	c.add(instruction{code: asm.Add.Op(asm.ImmSource), dst: dst, src: none, imm: int64(off), slot: of, slotAddress: true})
}

func (c *code) jump(target label) {
	c.add(instruction{code: asm.Ja.Label("").OpCode, dst: none, src: none, target: target})
}

func (c *code) jumpIfReg(op asm.JumpOp, a, b register, target label) {
	c.add(instruction{code: op.Op(asm.RegSource), dst: a, src: b, target: target})
}

func (c *code) jumpIfImm(op asm.JumpOp, a register, n int32, target label) {
	c.add(instruction{code: op.Op(asm.ImmSource), dst: a, src: none, imm: int64(n), target: target})
}

func (c *code) place(l label) { c.list = append(c.list, instruction{place: l, dst: none, src: none}) }

func (c *code) exit() { c.add(instruction{code: asm.Return().OpCode, dst: none, src: none}) }

// argument is something to be handed to a helper.
type argument func(c *code, into register) *slot

func byValue(v register) argument {
	return func(c *code, into register) *slot { c.move(into, v); return nil }
}

func byNumber(n uint64) argument {
	return func(c *code, into register) *slot { c.set(into, n); return nil }
}

func byMap(name string) argument {
	return func(c *code, into register) *slot { c.setMap(into, name); return nil }
}

func byMapValue(name string, offset int) argument {
	return func(c *code, into register) *slot { c.setMapValue(into, name, offset); return nil }
}

func bySlot(s *slot, off int) argument {
	return func(c *code, into register) *slot { c.slotAddress(into, s, off); return s }
}

// byPointer hands over base + off.
func byPointer(base register, off int) argument {
	return func(c *code, into register) *slot {
		c.move(into, base)
		if off != 0 {
			c.aluImm(asm.Add, into, int32(off))
		}
		return nil
	}
}

// call calls a helper; its result is in R0 until the next one.
func (c *code) call(helper asm.BuiltinFunc, arguments ...argument) {
	made := instruction{code: helper.Call().OpCode, dst: none, src: none, imm: helper.Call().Constant, arguments: len(arguments)}
	for i, a := range arguments {
		if s := a(c, register(1+i)); s != nil {
			made.touches = append(made.touches, s)
		}
		if last := &c.list[len(c.list)-1]; last.pseudo == asm.PseudoMapFD {
			made.table = last.reference
		}
	}
	c.add(made)
}

// called is call, with the result in a value of its own.
func (c *code) called(helper asm.BuiltinFunc, arguments ...argument) register {
	c.call(helper, arguments...)
	result := c.value()
	c.move(result, 0)
	return result
}
