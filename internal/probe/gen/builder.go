// SPDX-License-Identifier: Apache-2.0

package gen

import (
	"fmt"

	"github.com/cilium/ebpf/asm"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

// operand is a scalar: a constant, or in a value that nobody changes any more.
type operand struct {
	reg register
	imm uint64
}

func constantOperand(n uint64) operand { return operand{reg: none, imm: n} }

func (o operand) constant() bool { return o.reg == none }

// wide is a wide value: words, or words in a slot.
type wide struct {
	words []operand
	slot  *slot
	off   int
	width int
}

// fact is something that is so from some point of a program on. Facts are a tree, whose branches are those of the program:
// where two paths meet, what they have in common is still so.
type fact struct {
	parent *fact
	depth  int
	expr   *ir.Expr
	kind   factKind
	scalar operand
	wide   *wide
	block  *block
}

type factKind uint8

const (
	// isScalar and isWide: the expression has been evaluated. isNotNull: its pointer is not null. isRead: the block has been.
	isScalar factKind = iota
	isWide
	isNotNull
	isRead
)

// builder makes one program.
type builder struct {
	code
	probe    *ir.Probe
	hook     *ir.Hook
	features Features
	sets     *sets
	loads    *blocks
	facts    *fact
	// dead tells that what follows is not reached; joins are the facts at labels that were jumped to.
	dead  bool
	joins map[label]*fact
	ends  endings
	// fail is where a failed evaluation goes.
	fail    label
	context register
	// planted tells that this program evaluates one expression, whose typed pointers are casts of numbers.
	planted bool
	// began is the slot of the meter; elapsed and kept are what the start of a pair left; measured is what the trigger counts.
	began *slot
	// ordinary is the slot that tells whether a match has a row of its own; triggerOneIn is how the trigger is sampled.
	ordinary     *slot
	triggerOneIn int
	elapsed      operand
	kept         []*fact
	measured     map[int]operand
	err          error
}

// refuse remembers the first reason why no program can be made.
func (b *builder) refuse(e *ir.Expr, format string, args ...any) {
	if b.err == nil {
		b.err = &Refusal{Expr: e, Why: fmt.Sprintf(format, args...)}
	}
}

// Refusal tells that there is no program for an expression.
type Refusal struct {
	Expr *ir.Expr
	Why  string
}

func (r *Refusal) Error() string {
	if r.Expr == nil {
		return r.Why
	}
	return fmt.Sprintf("%s: %s", r.Expr.Op, r.Why)
}

func (b *builder) learn(f fact) {
	f.parent = b.facts
	if b.facts != nil {
		f.depth = b.facts.depth + 1
	}
	b.facts = &f
}

func (b *builder) known(e *ir.Expr, kind factKind) *fact {
	for f := b.facts; f != nil; f = f.parent {
		if f.expr == e && f.kind == kind {
			return f
		}
	}
	return nil
}

func (b *builder) learnScalar(e *ir.Expr, value operand) {
	b.learn(fact{expr: e, kind: isScalar, scalar: value})
}

// common is what two sets of facts have in common.
func common(a, b *fact) *fact {
	for a != b {
		switch {
		case a == nil || b == nil:
			return nil
		case a.depth > b.depth:
			a = a.parent
		case b.depth > a.depth:
			b = b.parent
		default:
			a, b = a.parent, b.parent
		}
	}
	return a
}

// join remembers what is so where a label is jumped to.
func (b *builder) join(target label) {
	if b.dead {
		return
	}
	if known, ok := b.joins[target]; ok {
		b.joins[target] = common(known, b.facts)
		return
	}
	b.joins[target] = b.facts
}

func (b *builder) jump(target label) {
	b.join(target)
	b.code.jump(target)
	b.dead = true
}

func (b *builder) jumpIfReg(op asm.JumpOp, x, y register, target label) {
	b.join(target)
	b.code.jumpIfReg(op, x, y, target)
}

func (b *builder) jumpIfImm(op asm.JumpOp, x register, n int32, target label) {
	b.join(target)
	b.code.jumpIfImm(op, x, n, target)
}

func (b *builder) place(l label) {
	known, jumped := b.joins[l]
	switch {
	case jumped && b.dead:
		b.facts = known
	case jumped:
		b.facts = common(known, b.facts)
	}
	b.dead = b.dead && !jumped
	b.code.place(l)
}

// reg gives an operand a register. It must not be changed.
func (b *builder) reg(o operand) register {
	if !o.constant() {
		return o.reg
	}
	r := b.value()
	b.set(r, o.imm)
	return r
}

// fresh gives a copy of an operand that may be changed.
func (b *builder) fresh(o operand) register {
	r := b.value()
	b.assign(r, o)
	return r
}

func (b *builder) assign(r register, o operand) {
	if o.constant() {
		b.set(r, o.imm)
		return
	}
	b.move(r, o.reg)
}

func inRegister(r register) operand { return operand{reg: r} }

// at marks the instructions that follow as those of e; it returns what puts back the mark before.
func (b *builder) at(e *ir.Expr) func() {
	before := b.from
	b.from = e
	return func() { b.from = before }
}
