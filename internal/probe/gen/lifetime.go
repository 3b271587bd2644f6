// SPDX-License-Identifier: Apache-2.0

package gen

import (
	"github.com/cilium/ebpf/asm"
)

// jumps tells whether an instruction is a conditional or unconditional jump within the program.
func (i *instruction) jumps() bool { return i.target != 0 }

func (i *instruction) calls() bool {
	return i.place == 0 && i.target == 0 && i.code.Class().IsJump() && i.code.JumpOp() == asm.Call
}

func (i *instruction) exits() bool {
	return i.place == 0 && i.target == 0 && i.code.Class().IsJump() && i.code.JumpOp() == asm.Exit
}

func (i *instruction) always() bool { return i.jumps() && i.code.JumpOp() == asm.Ja }

func (i *instruction) moves() bool {
	return i.place == 0 && i.code == asm.Mov.Op(asm.RegSource)
}

// fetches tells whether an atomic operation gives back what was there.
func (i *instruction) fetches() bool {
	if i.code.Class() != asm.StXClass || i.code.Mode() != asm.AtomicMode {
		return false
	}
	switch i.code.AtomicOp() {
	case asm.AddAtomic, asm.AndAtomic, asm.OrAtomic, asm.XorAtomic, asm.CmpXchg:
		return false
	}
	return true
}

func (i *instruction) compares() bool {
	return i.code.Class() == asm.StXClass && i.code.Mode() == asm.AtomicMode && i.code.AtomicOp() == asm.CmpXchg
}

// reads appends the registers whose contents an instruction needs.
func (i *instruction) reads(into []register) []register {
	if i.place != 0 {
		return into
	}
	switch class := i.code.Class(); {
	case i.calls():
		for r := range i.arguments {
			into = append(into, register(1+r))
		}
		return into
	case i.exits():
		return append(into, 0)
	case class.IsALU():
		if op := i.code.ALUOp(); op != asm.Mov {
			into = append(into, i.dst)
		}
	case class == asm.StXClass, class == asm.StClass, class.IsJump():
		into = append(into, i.dst)
		if i.compares() {
			into = append(into, 0)
		}
	}
	if i.src != none {
		into = append(into, i.src)
	}
	if n := len(into); n > 0 && into[n-1] == none {
		into = into[:n-1]
	}
	return into
}

// writes is the register that an instruction changes, or none. Calls write R0 and clobber more: see intervals.
func (i *instruction) writes() register {
	if i.place != 0 || i.exits() {
		return none
	}
	switch class := i.code.Class(); {
	case i.calls():
		return 0
	case class.IsALU(), class == asm.LdXClass, class == asm.LdClass:
		return i.dst
	case i.fetches():
		return i.src
	case i.compares():
		return 0
	}
	return none
}

// pure instructions do nothing but write their register.
func (i *instruction) pure() bool {
	if i.place != 0 || i.calls() {
		return false
	}
	class := i.code.Class()
	return class.IsALU() || class == asm.LdXClass || class == asm.LdClass
}

// prune takes out what is never reached, and what is computed for nobody. The kernel refuses the former.
func (c *code) prune() {
	reached := map[label]bool{}
	kept := c.list[:0]
	live := true
	for _, i := range c.list {
		if i.place != 0 {
			live = live || reached[i.place]
			if reached[i.place] {
				kept = append(kept, i)
			}
			continue
		}
		if !live {
			continue
		}
		if i.jumps() {
			reached[i.target] = true
		}
		kept = append(kept, i)
		live = !i.always() && !i.exits()
	}
	c.list = kept
	for c.dropUnused() {
	}
}

func (c *code) dropUnused() bool {
	uses := make([]int, c.values)
	var scratch []register
	for k := range c.list {
		i := &c.list[k]
		scratch = i.reads(scratch[:0])
		// An instruction that only changes its own register does not make it needed.
		for _, r := range scratch {
			if r.virtual() && !(i.pure() && r == i.writes()) {
				uses[r]++
			}
		}
	}
	kept := c.list[:0]
	for _, i := range c.list {
		if w := i.writes(); i.pure() && w.virtual() && uses[w] == 0 {
			continue
		}
		kept = append(kept, i)
	}
	dropped := len(kept) < len(c.list)
	c.list = kept
	return dropped
}

// skipJumps takes out jumps to what comes next anyway.
func (c *code) skipJumps() {
	kept := c.list[:0]
	for k, i := range c.list {
		if i.always() && leadsTo(c.list[k+1:], i.target) {
			continue
		}
		kept = append(kept, i)
	}
	c.list = kept
}

func leadsTo(list []instruction, target label) bool {
	for k := range list {
		if list[k].place == 0 {
			return false
		}
		if list[k].place == target {
			return true
		}
	}
	return false
}
