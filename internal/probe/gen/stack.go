// SPDX-License-Identifier: Apache-2.0

package gen

import (
	"fmt"
	"slices"

	"github.com/cilium/ebpf/asm"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

// maxStack is what the kernel gives a program.
const maxStack = 512

// stackError tells which expression finds no room.
type stackError struct{ expr *ir.Expr }

func (e *stackError) Error() string { return "more than 512 bytes of stack" }

func (e *stackError) Unwrap() error { return ErrBounds }

// layStack gives slots their places: two that do not live at the same time may share one. It returns the bytes used.
func (c *code) layStack() (int, error) {
	slots := c.slots()
	used := 0
	for k, s := range slots {
		s.offset = freeOffset(s, slots[:k])
		used = max(used, s.offset)
		if used > maxStack {
			return 0, fmt.Errorf("laying out the stack: %w", &stackError{s.expr})
		}
	}
	for k := range c.list {
		i := &c.list[k]
		if i.slot == nil {
			continue
		}
		if i.slotAddress {
			i.imm -= int64(i.slot.offset)
		} else {
			i.off -= int16(i.slot.offset)
		}
	}
	return used, nil
}

// slots lists all slots in the order of their first use, with their lifetimes.
func (c *code) slots() []*slot {
	var list []*slot
	seen := map[*slot]bool{}
	touch := func(s *slot, at int) {
		if !seen[s] {
			seen[s] = true
			s.first = at
			list = append(list, s)
		}
		s.last = at
	}
	for k := range c.list {
		if s := c.list[k].slot; s != nil {
			touch(s, k)
		}
		for _, s := range c.list[k].touches {
			touch(s, k)
		}
	}
	return list
}

// freeOffset is the lowest place that is free for as long as s lives; it is the slot's start, counted down from the frame.
func freeOffset(s *slot, placed []*slot) int {
	var busy []span
	for _, o := range placed {
		if overlap(o.first, o.last, s.first, s.last) {
			busy = append(busy, span{o.offset - o.size, o.offset})
		}
	}
	slices.SortFunc(busy, func(a, b span) int { return a.start - b.start })
	at := 0
	for _, b := range busy {
		if at+s.size <= b.start {
			break
		}
		at = max(at, b.end)
	}
	return at + s.size
}

// assemble gives the finished program; labels become distances.
func (c *code) assemble() (asm.Instructions, []Line, error) {
	places := map[label]int{}
	at := 0
	for k := range c.list {
		if l := c.list[k].place; l != 0 {
			places[l] = at
			continue
		}
		at += width(&c.list[k])
	}
	if at > maxInstructions {
		return nil, nil, fmt.Errorf("assembling: %w: %d instructions of at most %d", ErrBounds, at, maxInstructions)
	}
	var (
		out   asm.Instructions
		lines []Line
	)
	at = 0
	for k := range c.list {
		i := &c.list[k]
		if i.place != 0 {
			continue
		}
		lines = appendLine(lines, i, at)
		at += width(i)
		made := asm.Instruction{OpCode: i.code, Offset: i.off, Constant: i.imm}
		if i.dst != none {
			made.Dst = asm.Register(i.dst)
		}
		if i.src != none {
			made.Src = asm.Register(i.src)
		}
		if i.pseudo != 0 {
			made.Src = i.pseudo
		}
		if i.jumps() {
			made.Offset = int16(places[i.target] - at)
		}
		if i.reference != "" {
			made = made.WithReference(i.reference)
		}
		out = append(out, made)
	}
	return out, lines, nil
}

func width(i *instruction) int {
	if i.code.IsDWordLoad() {
		return 2
	}
	return 1
}

func appendLine(lines []Line, i *instruction, at int) []Line {
	line := Line{Instruction: at, What: i.what, Pos: ir.Pos{Source: -1}}
	if i.from != nil {
		line.Pos = i.from.Pos
	}
	if n := len(lines); n > 0 && lines[n-1].What == line.What && lines[n-1].Pos == line.Pos {
		return lines
	}
	return append(lines, line)
}
