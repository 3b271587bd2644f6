// SPDX-License-Identifier: Apache-2.0

package gen

import (
	"math/bits"

	"github.com/cilium/ebpf/asm"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

// A window begins with when it began and whether it has answered; the trigger's measures follow.
const (
	windowSince    = 0
	windowAnswered = 8
	windowHeader   = 16
)

func windowWords(m *ir.Measure) int {
	if m.Kind == ir.Average {
		return 2
	}
	return 1
}

func windowBytes(probe *ir.Probe) int {
	n := windowHeader
	for _, i := range probe.Trigger.Measures {
		n += 8 * windowWords(&probe.Measures[i])
	}
	return n
}

// trigger counts a match in its key's window, which all processors share, and lets an event leave if that is reached.
func (b *builder) trigger(match taken, hook int) {
	trigger := b.probe.Trigger
	b.what = "window"
	weight := 1
	if b.triggerOneIn > 1 {
		weight = b.triggerOneIn
		drawn := b.called(asm.FnGetPrandomU32)
		b.aluImm(asm.And, drawn, int32(weight-1))
		b.jumpIfImm(asm.JNE, drawn, 0, b.ends.out)
	}
	window := b.window(match.key)
	b.openWindow(window)
	b.measured = map[int]operand{}
	var values []operand
	off := windowHeader
	for _, i := range trigger.Measures {
		m := &b.probe.Measures[i]
		value := b.countShared(m, window, off, match.measures[i], weight)
		b.measured[i] = value
		values = append(values, value)
		off += 8 * windowWords(m)
	}
	b.what = "trigger"
	answered := b.value()
	b.load(answered, window, windowAnswered, asm.DWord)
	b.jumpIfImm(asm.JNE, answered, 0, b.ends.out)
	b.jumpUnless(trigger.When, b.ends.out)
	one := b.value()
	b.set(one, 1)
	if b.features.Atomics {
		b.atomic(asm.Xchg, window, windowAnswered, one)
		b.jumpIfImm(asm.JNE, one, 0, b.ends.out)
	} else {
		b.store(window, windowAnswered, one, asm.DWord)
	}
	b.rare = true
	match.emit = b.emitted()
	b.what = "event"
	b.event(match, hook, values)
	b.rare = false
}

// window finds or makes the window of a key. A row "other" has none.
func (b *builder) window(key *slot) register {
	window := b.value()
	if key == nil {
		b.setMapValue(window, MapWindows, 0)
		return window
	}
	ordinary := b.value()
	b.loadSlot(ordinary, b.ordinary, 0, asm.DWord)
	b.jumpIfImm(asm.JEq, ordinary, 0, b.ends.out)
	found := b.label()
	b.call(asm.FnMapLookupElem, byMap(MapWindows), bySlot(key, 0))
	b.move(window, 0)
	b.jumpIfImm(asm.JNE, window, 0, found)
	b.rare = true
	b.call(asm.FnMapUpdateElem, byMap(MapWindows), bySlot(key, 0), byMapValue(MapBlank, 0), byNumber(updateNoExist))
	b.call(asm.FnMapLookupElem, byMap(MapWindows), bySlot(key, 0))
	b.move(window, 0)
	b.jumpIfImm(asm.JEq, window, 0, b.ending(ir.KeysFull))
	b.rare = false
	b.place(found)
	return window
}

// openWindow begins a window anew where it is over. Of several processors that find it so one does; what another adds in that
// very moment may be lost.
func (b *builder) openWindow(window register) {
	now, since, age := b.reg(b.now()), b.value(), b.value()
	open, begin := b.label(), b.label()
	b.load(since, window, windowSince, asm.DWord)
	b.jumpIfImm(asm.JEq, since, 0, begin)
	b.move(age, now)
	b.alu(asm.Sub, age, since)
	// Another processor may have begun it after this one read the clock.
	b.jumpCompare(ir.OpLt, true, inRegister(age), constantOperand(uint64(b.probe.Trigger.Within)), open)
	b.place(begin)
	if b.features.Atomics {
		b.move(0, since)
		b.atomic(asm.CmpXchg, window, windowSince, now)
		was := b.value()
		b.move(was, 0)
		b.jumpIfReg(asm.JNE, was, since, open)
	} else {
		b.store(window, windowSince, now, asm.DWord)
	}
	for off := windowAnswered; off < windowBytes(b.probe); off += 8 {
		b.storeImm(window, off, 0, asm.DWord)
	}
	b.place(open)
}

// countShared lets a measure of the window take a value, and gives what it has come to.
func (b *builder) countShared(m *ir.Measure, window register, off int, value *measureValue, weight int) operand {
	signed := m.Type.Kind.Signed()
	switch m.Kind {
	case ir.Count:
		return b.addShared(window, off, constantOperand(1), weight)
	case ir.Sum, ir.Rate:
		return b.addShared(window, off, value.scalar, weight)
	case ir.Average:
		sum := b.addShared(window, off, value.scalar, weight)
		count := b.addShared(window, off+8, constantOperand(1), weight)
		if signed {
			return b.divideSigned(ir.OpDiv, sum, count)
		}
		r := b.fresh(sum)
		b.alu(asm.Div, r, b.reg(count))
		return inRegister(r)
	case ir.Min, ir.Max:
		return b.raiseShared(m, window, off, value.scalar)
	}
	b.refuse(b.probe.Trigger.When, "measure %s is no number that a trigger can ask for", m.Name)
	return constantOperand(0)
}

func (b *builder) addShared(window register, off int, value operand, weight int) operand {
	r := b.fresh(value)
	if weight > 1 {
		b.aluImm(asm.LSh, r, int32(bits.TrailingZeros(uint(weight))))
	}
	if !b.features.Atomics {
		b.atomic(asm.AddAtomic, window, off, r)
		sum := b.value()
		b.load(sum, window, off, asm.DWord)
		return inRegister(sum)
	}
	sum := b.fresh(inRegister(r))
	b.atomic(asm.FetchAdd, window, off, sum)
	b.alu(asm.Add, sum, r)
	return inRegister(sum)
}

// raiseShared keeps the greater one. Of two processors that raise it at once, one tries twice.
func (b *builder) raiseShared(m *ir.Measure, window register, off int, value operand) operand {
	flip := rankFlip(m.Kind, m.Type.Kind.Signed())
	to := b.fresh(b.ranked(value, m.Kind, m.Type.Kind.Signed()))
	now, raised, done := b.value(), b.label(), b.label()
	for range 2 {
		b.load(now, window, off, asm.DWord)
		b.jumpIfReg(asm.JGE, now, to, done)
		if b.features.Atomics {
			b.exchangeGreater(window, off, now, to, raised)
			continue
		}
		b.store(window, off, to, asm.DWord)
		break
	}
	b.place(raised)
	b.move(now, to)
	b.place(done)
	b.operate(asm.Xor, now, constantOperand(flip))
	return inRegister(now)
}
