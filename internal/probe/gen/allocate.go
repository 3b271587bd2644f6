// SPDX-License-Identifier: Apache-2.0

package gen

import (
	"fmt"

	"github.com/cilium/ebpf/asm"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

// maxRounds bounds how often values are put on the stack before the allocation is begun anew.
const maxRounds = 50

// allocate replaces values by machine registers, and puts on the stack what finds none.
func (c *code) allocate() error {
	tiny := map[register]bool{}
	for range maxRounds {
		list, byValue, taken := c.lifetimes(tiny)
		spilled := choose(list, taken, byValue)
		if len(spilled) == 0 {
			c.rename(byValue)
			return nil
		}
		for _, s := range spilled {
			if s.tiny {
				return fmt.Errorf("allocating registers: %w: too many values at once", ErrBounds)
			}
			c.spill(s.value, tiny)
		}
	}
	return fmt.Errorf("allocating registers: %w: too many values", ErrBounds)
}

func (c *code) rename(byValue []*interval) {
	kept := c.list[:0]
	for _, i := range c.list {
		if i.dst.virtual() {
			i.dst = byValue[i.dst].where
		}
		if i.src.virtual() {
			i.src = byValue[i.src].where
		}
		if i.moves() && i.dst == i.src {
			continue
		}
		kept = append(kept, i)
	}
	c.list = kept
}

// spill lets a value live on the stack, or makes it anew at each use where that is a single instruction.
func (c *code) spill(v register, tiny map[register]bool) {
	s := spiller{code: c, value: v, tiny: tiny, again: c.constantOf(v)}
	if s.again == nil {
		s.slot = c.newSlot(8, c.exprOf(v))
	}
	old := c.list
	c.list = make([]instruction, 0, len(old)+16)
	for _, i := range old {
		c.from, c.what, c.rare = i.from, i.what, i.rare
		s.rewrite(i)
	}
}

// constantOf is the instruction that makes v if it is a constant.
func (c *code) constantOf(v register) *instruction {
	var found *instruction
	for k := range c.list {
		i := &c.list[k]
		if i.writes() != v {
			continue
		}
		constant := i.code.Class() == asm.LdClass || i.code == asm.Mov.Op(asm.ImmSource)
		if found != nil || !constant {
			return nil
		}
		found = i
	}
	if found == nil {
		return nil
	}
	again := *found
	return &again
}

func (c *code) exprOf(v register) *ir.Expr {
	for k := range c.list {
		if c.list[k].writes() == v {
			return c.list[k].from
		}
	}
	return nil
}

type spiller struct {
	*code
	value register
	tiny  map[register]bool
	slot  *slot
	again *instruction
}

func (s *spiller) fresh() register {
	t := s.code.value()
	s.tiny[t] = true
	return t
}

func (s *spiller) rewrite(i instruction) {
	reads, writes := false, i.writes() == s.value
	for _, r := range i.reads(nil) {
		reads = reads || r == s.value
	}
	switch {
	case !reads && !writes:
		s.list = append(s.list, i)
	case s.again != nil:
		s.remake(i, writes)
	case i.moves() && reads && !writes:
		s.loadSlot(i.dst, s.slot, 0, asm.DWord)
	case i.moves() && writes && !reads:
		s.storeSlot(s.slot, 0, i.src, asm.DWord)
	case i.code == asm.Mov.Op(asm.ImmSource):
		s.storeSlotImm(s.slot, 0, int32(i.imm), asm.DWord)
	default:
		t := s.fresh()
		if reads {
			s.loadSlot(t, s.slot, 0, asm.DWord)
		}
		s.list = append(s.list, s.with(i, t))
		if writes {
			s.storeSlot(s.slot, 0, t, asm.DWord)
		}
	}
}

// remake makes the constant where it is used; its definition vanishes.
func (s *spiller) remake(i instruction, writes bool) {
	if writes {
		return
	}
	again := *s.again
	if i.moves() {
		again.dst = i.dst
		s.list = append(s.list, again)
		return
	}
	again.dst = s.fresh()
	s.list = append(s.list, again, s.with(i, again.dst))
}

func (s *spiller) with(i instruction, t register) instruction {
	if i.dst == s.value {
		i.dst = t
	}
	if i.src == s.value {
		i.src = t
	}
	return i
}
