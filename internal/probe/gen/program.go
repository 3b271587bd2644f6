// SPDX-License-Identifier: Apache-2.0

package gen

import (
	"github.com/cilium/ebpf/asm"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

// taken is what a match has evaluated before anything is changed.
type taken struct {
	// key is the slot of the row's key, nil where the probe has none.
	key      *slot
	measures []*measureValue
	emit     []emitted
}

// measureValue is what goes into a measure.
type measureValue struct {
	scalar operand
	wide   *wide
}

// emitted is a value of an event.
type emitted struct {
	scalar operand
	wide   *wide
}

// roots are all expressions of a hook.
func roots(probe *ir.Probe, hook *ir.Hook) []*ir.Expr {
	list := []*ir.Expr{hook.Guard, hook.Where, hook.PairKey}
	for _, more := range [][]*ir.Expr{hook.Keep, hook.Keys, hook.Measures, hook.Emit} {
		list = append(list, more...)
	}
	if probe.Trigger != nil {
		list = append(list, probe.Trigger.When)
	}
	return list
}

// hookProgram makes the program of a hook, which is no start.
func (b *builder) hookProgram(index, hook int) {
	sample := b.probe.SampleOneIn
	if b.probe.Pair != nil {
		sample = 0
	}
	b.begin(index, sample)
	b.skipEnd()
	b.condition("guard", b.hook.Guard)
	if b.probe.Pair != nil {
		b.takePair()
	}
	b.condition("where", b.hook.Where)
	match := b.evaluate()
	if len(b.probe.Measures) > 0 {
		row := b.row(match.key)
		for i := range b.probe.Measures {
			b.what = "measure " + b.probe.Measures[i].Name
			b.measure(i, row, match.measures[i])
		}
	}
	switch {
	case b.probe.Trigger != nil:
		b.trigger(match, hook)
	case len(b.probe.Emit) > 0:
		b.what = "event"
		b.event(match, hook, nil)
	}
	b.end(index, verdict(b.hook))
}

// nowFor asks for the time where an expression is going to: asked for in two branches, it would have two answers.
func (b *builder) nowFor(lists ...[]*ir.Expr) {
	asked := false
	for _, list := range lists {
		for _, root := range list {
			root.Walk(func(e *ir.Expr) { asked = asked || e.Op == ir.OpNow })
		}
	}
	if asked {
		b.now()
	}
}

// skipEnd ends the last run of a walk, which has no object: nothing is wrong with it.
func (b *builder) skipEnd() {
	if b.hook.Kind != ir.Iterator {
		return
	}
	walked := b.value()
	b.load(walked, b.context, 8, asm.DWord)
	b.jumpIfImm(asm.JEq, walked, 0, b.ends.out)
}

// condition ends the run where it does not hold.
func (b *builder) condition(what string, e *ir.Expr) {
	if e != nil {
		b.what = what
		b.nowFor([]*ir.Expr{e})
		b.jumpUnless(e, b.ends.out)
	}
}

// evaluate evaluates keys, measures and, without a trigger, what is emitted.
func (b *builder) evaluate() taken {
	var match taken
	b.what = "time"
	b.nowFor(b.hook.Keys, b.hook.Measures, b.hook.Emit)
	if len(b.probe.Keys) > 0 {
		match.key = b.newSlot(keyBytes(b.probe.Keys), widest(b.hook.Keys))
		off := 0
		for i, e := range b.hook.Keys {
			b.what = "key " + b.probe.Keys[i].Name
			b.storeField(match.key, off, b.probe.Keys[i].Type, e)
			off += b.probe.Keys[i].Type.Width()
		}
	}
	for i := range b.probe.Measures {
		b.what = "value of " + b.probe.Measures[i].Name
		match.measures = append(match.measures, b.measureValue(i))
	}
	if b.probe.Trigger == nil {
		match.emit = b.emitted()
	}
	return match
}

func (b *builder) emitted() []emitted {
	var list []emitted
	for i, e := range b.hook.Emit {
		b.what = "emitted " + b.probe.Emit[i].Name
		if e.Type.Kind.Scalar() {
			list = append(list, emitted{scalar: b.scalar(e)})
			continue
		}
		list = append(list, emitted{wide: b.wide(e)})
	}
	return list
}

// storeValue writes an expression's value to a slot.
func (b *builder) storeValue(into *slot, off int, e *ir.Expr) {
	if e.Type.Kind.Scalar() {
		value := b.scalar(e)
		defer b.at(e)()
		b.storeOperand(into, off, value)
		return
	}
	value := b.wide(e)
	defer b.at(e)()
	b.copyWide(&wide{slot: into, off: off, width: e.Type.Width()}, value)
}

// widest is the expression to name when there is no room for all.
func widest(list []*ir.Expr) *ir.Expr {
	best := list[0]
	for _, e := range list {
		if e.Type.Width() > best.Type.Width() {
			best = e
		}
	}
	return best
}

func keyBytes(fields []ir.Field) int {
	n := 0
	for _, f := range fields {
		n += f.Type.Width()
	}
	return n
}

// row finds or makes the row of a key: a pointer to the value of this processor. Where there is no room it is that of "other".
func (b *builder) row(key *slot) register {
	b.what = "row"
	row := b.value()
	if key == nil {
		b.onlyRow(row, MapRows)
		return row
	}
	found := b.label()
	if b.probe.Trigger != nil {
		b.ordinary = b.newSlot(8, nil)
		b.storeSlotImm(b.ordinary, 0, 1, asm.DWord)
	}
	b.call(asm.FnMapLookupElem, byMap(MapRows), bySlot(key, 0))
	b.move(row, 0)
	b.jumpIfImm(asm.JNE, row, 0, found)
	b.what, b.rare = "new key", true
	b.call(asm.FnMapUpdateElem, byMap(MapRows), bySlot(key, 0), byMapValue(MapBlank, 0), byNumber(updateNoExist))
	b.call(asm.FnMapLookupElem, byMap(MapRows), bySlot(key, 0))
	b.move(row, 0)
	b.jumpIfImm(asm.JNE, row, 0, found)
	if b.ordinary != nil {
		b.storeSlotImm(b.ordinary, 0, 0, asm.DWord)
	}
	b.lose(ir.KeysFull)
	b.onlyRow(row, MapOther)
	b.rare = false
	b.place(found)
	return row
}

// updateNoExist is BPF_NOEXIST.
const updateNoExist = 1

func (b *builder) onlyRow(row register, name string) {
	key := b.newSlot(8, nil)
	b.storeSlotImm(key, 0, 0, asm.DWord)
	b.call(asm.FnMapLookupElem, byMap(name), bySlot(key, 0))
	b.move(row, 0)
	b.jumpIfImm(asm.JEq, row, 0, b.ends.out)
}

// verdict is what a program's type has to return so that nothing is changed: let it pass, let the next one decide.
func verdict(h *ir.Hook) int32 {
	switch h.Kind {
	case ir.Cgroup:
		return 1
	case ir.TCX:
		return -1
	}
	return 0
}
