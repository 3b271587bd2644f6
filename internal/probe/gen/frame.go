// SPDX-License-Identifier: Apache-2.0

package gen

import (
	"github.com/cilium/ebpf/asm"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

// endings are the labels at the end of a program.
type endings struct {
	// out ends without a word; bare before the meter was begun.
	out, bare label
	lost      map[ir.Loss]label
	order     []ir.Loss
}

// ending is where a run goes that ends because of a loss.
func (b *builder) ending(cause ir.Loss) label {
	if l, ok := b.ends.lost[cause]; ok {
		return l
	}
	l := b.label()
	b.ends.lost[cause] = l
	b.ends.order = append(b.ends.order, cause)
	return l
}

// begin is what every program does first: the switch, the meter, the lot.
func (b *builder) begin(index int, sampleOneIn uint32) {
	b.what = "switch and meter"
	b.ends = endings{out: b.label(), bare: b.label(), lost: map[ir.Loss]label{}}
	b.fail = b.ending(ir.ReadFailed)
	b.context = b.value()
	b.move(b.context, 1)
	control, off := b.value(), b.value()
	b.setMapValue(control, MapControl, 0)
	b.load(off, control, controlOff, asm.DWord)
	switchedOff := b.label()
	b.jumpIfImm(asm.JNE, off, 0, switchedOff)
	b.ends.lost[ir.SwitchedOff] = switchedOff
	b.ends.order = append(b.ends.order, ir.SwitchedOff)
	b.beginMeter(index)
	if sampleOneIn > 1 {
		b.what = "sampling"
		drawn := b.called(asm.FnGetPrandomU32)
		b.operate(asm.Mul, drawn, constantOperand(uint64(sampleOneIn)))
		b.aluImm(asm.RSh, drawn, 32)
		b.jumpIfImm(asm.JNE, drawn, 0, b.ends.out)
	}
}

// beginMeter counts the run, and keeps when it began if it is one of those that are timed. See bpf/meter.h.
func (b *builder) beginMeter(index int) {
	key, untimed := b.newSlot(8, nil), b.label()
	b.storeSlotImm(key, 0, int32(index), asm.DWord)
	meter := b.called(asm.FnMapLookupElem, byMap(MapMeters), bySlot(key, 0))
	b.jumpIfImm(asm.JEq, meter, 0, b.ends.bare)
	runs := b.value()
	b.load(runs, meter, 0, asm.DWord)
	b.aluImm(asm.Add, runs, 1)
	b.store(meter, 0, runs, asm.DWord)
	b.began = b.newSlot(8, nil)
	b.storeSlotImm(b.began, 0, 0, asm.DWord)
	rest := b.fresh(inRegister(runs))
	b.aluImm(asm.And, rest, timedOneIn-1)
	b.jumpIfImm(asm.JNE, rest, 0, untimed)
	b.what, b.rare = "timed run", true
	now := b.called(asm.FnKtimeGetNs)
	b.storeSlot(b.began, 0, now, asm.DWord)
	b.rare = false
	b.place(untimed)
}

// end is what every program does last: the losses, the meter, the verdict.
func (b *builder) end(index int, verdict int32) {
	b.from, b.what, b.rare = nil, "losses", true
	if !b.dead {
		b.jump(b.ends.out)
	}
	b.countLosses()
	b.what, b.rare = "meter", false
	b.place(b.ends.out)
	b.endMeter(index)
	b.place(b.ends.bare)
	b.set(0, uint64(int64(verdict)))
	b.exit()
}

func (b *builder) countLosses() {
	cause, count, missing := b.value(), b.label(), b.label()
	for _, loss := range b.ends.order {
		b.place(b.ends.lost[loss])
		if b.dead {
			continue
		}
		if loss == ir.SwitchedOff {
			// The meter was not begun.
			b.lose(loss)
			b.jump(b.ends.bare)
			continue
		}
		b.set(cause, uint64(8*loss))
		b.jump(count)
	}
	b.place(count)
	if b.dead {
		return
	}
	key := b.newSlot(8, nil)
	b.storeSlotImm(key, 0, 0, asm.DWord)
	counters := b.called(asm.FnMapLookupElem, byMap(MapLosses), bySlot(key, 0))
	b.jumpIfImm(asm.JEq, counters, 0, missing)
	b.alu(asm.Add, counters, cause)
	one := b.value()
	b.set(one, 1)
	b.atomic(asm.AddAtomic, counters, 0, one)
	b.place(missing)
}

// endMeter adds the time of a run that is timed, and takes it from the budget: over it, the probe is off from the next run on.
func (b *builder) endMeter(index int) {
	began := b.value()
	b.loadSlot(began, b.began, 0, asm.DWord)
	b.jumpIfImm(asm.JEq, began, 0, b.ends.bare)
	b.what, b.rare = "timed run", true
	now := b.called(asm.FnKtimeGetNs)
	took, capped := b.fresh(inRegister(now)), b.label()
	b.alu(asm.Sub, took, began)
	b.jumpIfImm(asm.JLE, took, longestTimed, capped)
	b.set(took, longestTimed)
	b.place(capped)
	key := b.newSlot(8, nil)
	b.storeSlotImm(key, 0, int32(index), asm.DWord)
	meter := b.called(asm.FnMapLookupElem, byMap(MapMeters), bySlot(key, 0))
	b.jumpIfImm(asm.JEq, meter, 0, b.ends.bare)
	for off, add := range []operand{inRegister(none), constantOperand(1), inRegister(took)} {
		if off == 0 {
			continue
		}
		sum := b.value()
		b.load(sum, meter, 8*off, asm.DWord)
		b.operate(asm.Add, sum, add)
		b.store(meter, 8*off, sum, asm.DWord)
	}
	b.spend(took, now)
	b.rare = false
}

// spend is the bucket of nanoseconds: one word, the instant at which it will be full again. See bpf/bucket.h.
func (b *builder) spend(took, now register) {
	control, full, price, depth := b.value(), b.value(), b.value(), b.value()
	b.setMapValue(control, MapControl, 0)
	b.load(full, control, controlFullAt, asm.DWord)
	behind := b.label()
	b.jumpIfReg(asm.JGE, full, now, behind)
	b.move(full, now)
	b.store(control, controlFullAt, now, asm.DWord)
	b.place(behind)
	b.load(price, control, controlPrice, asm.DWord)
	b.alu(asm.Mul, price, took)
	b.atomic(asm.AddAtomic, control, controlFullAt, price)
	b.alu(asm.Add, full, price)
	b.alu(asm.Sub, full, now)
	b.load(depth, control, controlDepth, asm.DWord)
	b.jumpIfReg(asm.JLE, full, depth, b.ends.bare)
	b.store(control, controlAt, now, asm.DWord)
	b.storeImm(control, controlOff, OffCPU, asm.DWord)
}
