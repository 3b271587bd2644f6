// SPDX-License-Identifier: Apache-2.0

package gen

import (
	"github.com/cilium/ebpf/asm"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

// An event begins with its time, then processor, hook and whether it was triggered.
const (
	eventTime      = 0
	eventCPU       = 8
	eventHook      = 12
	eventTriggered = 14
	eventHeader    = 16
	// maxEvent bounds a record.
	maxEvent = 512
)

func eventBytes(probe *ir.Probe) int {
	n := eventHeader + keyBytes(probe.Keys) + keyBytes(probe.Emit)
	if probe.Trigger != nil {
		n += 8 * len(probe.Trigger.Measures)
	}
	return n
}

// event lets a record leave if the budget allows it. Measured are the values of a trigger.
func (b *builder) event(match taken, hook int, measured []operand) {
	b.takeToken()
	cpu := b.called(asm.FnGetSmpProcessorId)
	record := b.called(asm.FnRingbufReserve, byMap(MapEvents), byNumber(uint64(eventBytes(b.probe))), byNumber(0))
	b.jumpIfImm(asm.JEq, record, 0, b.ending(ir.EventsFull))
	b.store(record, eventTime, b.reg(b.now()), asm.DWord)
	b.store(record, eventCPU, cpu, asm.Word)
	b.storeImm(record, eventHook, int32(hook), asm.Half)
	b.storeImm(record, eventTriggered, int32(truthOf(b.probe.Trigger != nil)), asm.Half)
	off := eventHeader
	put := func(o operand) {
		if o.constant() && narrow(o.imm) {
			b.storeImm(record, off, int32(o.imm), asm.DWord)
		} else {
			b.store(record, off, b.reg(o), asm.DWord)
		}
		off += 8
	}
	for _, value := range measured {
		put(value)
	}
	for i := range keyBytes(b.probe.Keys) / 8 {
		put(b.word(&wide{slot: match.key, width: match.key.size}, i))
	}
	for i, value := range match.emit {
		if value.wide == nil {
			put(value.scalar)
			continue
		}
		for k := range b.probe.Emit[i].Type.Width() / 8 {
			put(b.word(value.wide, k))
		}
	}
	// The kernel wakes the reader if it waits, and does not where it is still reading: then it will see this one.
	b.call(asm.FnRingbufSubmit, byValue(record), byNumber(0))
}

// takeToken is the bucket in front of the ring: see bpf/bucket.h.
func (b *builder) takeToken() {
	now := b.reg(b.now())
	control, full, ahead, limit := b.value(), b.value(), b.value(), b.value()
	b.setMapValue(control, MapControl, 0)
	b.load(full, control, controlEventsFullAt, asm.DWord)
	behind := b.label()
	b.jumpIfReg(asm.JGE, full, now, behind)
	b.move(full, now)
	b.place(behind)
	b.load(ahead, control, controlInterval, asm.DWord)
	b.alu(asm.Add, full, ahead)
	b.load(limit, control, controlEventDepth, asm.DWord)
	b.alu(asm.Add, limit, now)
	b.jumpIfReg(asm.JGT, full, limit, b.ending(ir.EventsLimited))
	b.store(control, controlEventsFullAt, full, asm.DWord)
}
