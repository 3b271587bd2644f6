// SPDX-License-Identifier: Apache-2.0

package gen

import (
	"github.com/cilium/ebpf/asm"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

// pairHeader is the time of a start, which its kept values follow.
const pairHeader = 8

// startProgram makes the program of a pair's start: it keeps what the end needs.
func (b *builder) startProgram(index int) {
	pair := b.probe.Pair
	b.begin(index, b.probe.SampleOneIn)
	b.condition("guard", b.hook.Guard)
	b.condition("where", b.hook.Where)
	key := b.pairKey()
	b.what = "time"
	now := b.now()
	kept := b.newSlot(pairHeader+keyBytes(pair.Keep), b.hook.PairKey)
	off := pairHeader
	for i, e := range b.hook.Keep {
		if i >= len(pair.Keep) {
			b.refuse(e, "keeping more than the pair has names for")
			return
		}
		b.what = "kept " + pair.Keep[i].Name
		b.storeField(kept, off, pair.Keep[i].Type, e)
		off += pair.Keep[i].Type.Width()
	}
	b.what = "start"
	b.storeOperand(kept, 0, now)
	result := b.called(asm.FnMapUpdateElem, byMap(MapPairs), bySlot(key, 0), bySlot(kept, 0), byNumber(0))
	b.jumpIfImm(asm.JNE, result, 0, b.ending(ir.PairsFull))
	b.end(index, verdict(b.hook))
}

func (b *builder) pairKey() *slot {
	b.what = "pair key"
	if b.hook.PairKey == nil {
		b.refuse(nil, "a pair without a key")
		return b.newSlot(8, nil)
	}
	key := b.newSlot(b.probe.Pair.Key.Width(), b.hook.PairKey)
	b.nowFor([]*ir.Expr{b.hook.PairKey})
	b.storeField(key, 0, b.probe.Pair.Key, b.hook.PairKey)
	return key
}

// storeField is storeValue at the width of a field, which may be more than that of the value.
func (b *builder) storeField(into *slot, off int, t ir.Type, e *ir.Expr) {
	if e.Type.Kind.Scalar() {
		b.storeValue(into, off, e)
		return
	}
	value := b.wide(e)
	b.copyWide(&wide{slot: into, off: off, width: t.Width()}, value)
}

// takePair takes what the start has kept, whatever becomes of the end.
func (b *builder) takePair() {
	key := b.pairKey()
	b.what = "start of the pair"
	kept := b.called(asm.FnMapLookupElem, byMap(MapPairs), bySlot(key, 0))
	b.jumpIfImm(asm.JEq, kept, 0, b.ending(ir.PairsMissing))
	now := b.reg(b.now())
	since := b.value()
	b.load(since, kept, 0, asm.DWord)
	b.loadKept(kept)
	b.call(asm.FnMapDeleteElem, byMap(MapPairs), bySlot(key, 0))
	elapsed := b.fresh(inRegister(now))
	b.alu(asm.Sub, elapsed, since)
	if longest := uint64(b.probe.Pair.Longest); longest > 0 {
		b.jumpCompare(ir.OpGt, false, inRegister(elapsed), constantOperand(longest), b.ending(ir.PairsMissing))
	}
	b.elapsed = inRegister(elapsed)
}

// loadKept copies the kept values that are asked for: once the start is deleted, another may take its place.
func (b *builder) loadKept(from register) {
	asked := map[uint64]bool{}
	for _, root := range roots(b.probe, b.hook) {
		root.Walk(func(e *ir.Expr) {
			if e.Op == ir.OpKept {
				asked[e.Const] = true
			}
		})
	}
	off := pairHeader
	b.kept = make([]*fact, len(b.probe.Pair.Keep))
	for i, field := range b.probe.Pair.Keep {
		width := field.Type.Width()
		if asked[uint64(i)] {
			b.kept[i] = b.copyKept(from, off, field.Type)
		}
		off += width
	}
}

func (b *builder) copyKept(from register, off int, t ir.Type) *fact {
	words := make([]operand, t.Width()/8)
	for i := range words {
		r := b.value()
		b.load(r, from, off+8*i, asm.DWord)
		words[i] = inRegister(r)
	}
	if t.Kind.Scalar() {
		return &fact{scalar: words[0]}
	}
	if len(words) <= maxWords {
		return &fact{wide: &wide{words: words, width: t.Width()}}
	}
	s := b.newSlot(t.Width(), b.hook.PairKey)
	b.copyWide(&wide{slot: s, width: t.Width()}, &wide{words: words, width: t.Width()})
	return &fact{wide: &wide{slot: s, width: t.Width()}}
}
