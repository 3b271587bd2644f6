// SPDX-License-Identifier: Apache-2.0

package interp

import (
	"bytes"
	"fmt"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

// Failure tells that an expression has no value: what it stands for could not be read, or is not defined.
type Failure struct {
	// Expr is the part that failed.
	Expr *ir.Expr
	// Why is what was wrong: "null pointer", "division by zero".
	Why string
}

func (f *Failure) Error() string { return fmt.Sprintf("evaluating %s: %s", f.Expr.Op, f.Why) }

// Evaluate gives the value of an expression that is in no probe. The error is a Failure where the expression has no value;
// any other error tells that the expression is malformed.
func Evaluate(e *ir.Expr, world World, context []byte) (ir.Value, error) {
	world.fill()
	f := newFrame(&world, context)
	return f.eval(e)
}

// frame is one run: its expressions have one value each.
type frame struct {
	world   *World
	running Running
	context []byte
	memory  withContext
	// kept and started are what the start of a pair left; ended tells that there is one.
	ended    bool
	kept     []ir.Value
	started  uint64
	measured func(index int) (uint64, error)
	known    map[*ir.Expr]ir.Value
	// lostStacks counts stacks that were not kept.
	lostStacks uint64
}

func newFrame(world *World, context []byte) *frame {
	return &frame{
		world: world, running: world.Running(), context: context, known: map[*ir.Expr]ir.Value{},
		memory: withContext{Memory: world.Memory, context: context},
	}
}

func number(n uint64) (ir.Value, error) { return ir.Value{Number: n}, nil }

func truth(b bool) (ir.Value, error) {
	if b {
		return number(1)
	}
	return number(0)
}

func failure(e *ir.Expr, why string) (ir.Value, error) {
	return ir.Value{}, &Failure{Expr: e, Why: why}
}

func malformed(e *ir.Expr, format string, args ...any) (ir.Value, error) {
	return ir.Value{}, fmt.Errorf("evaluating %s: %s", e.Op, fmt.Sprintf(format, args...))
}

// eval remembers what it has found, so that shared parts have one value.
func (f *frame) eval(e *ir.Expr) (ir.Value, error) {
	if e == nil {
		return ir.Value{}, fmt.Errorf("evaluating an expression that is not there")
	}
	if value, ok := f.known[e]; ok {
		return value, nil
	}
	if want := operands(e); want >= 0 && len(e.Args) != want {
		return malformed(e, "has %d operands instead of %d", len(e.Args), want)
	}
	value, err := f.find(e)
	if err == nil {
		f.known[e] = value
	}
	return value, err
}

func (f *frame) find(e *ir.Expr) (ir.Value, error) {
	if f.world.Leaf != nil && IsLeaf(e) {
		value, readable, err := f.world.Leaf(e)
		switch {
		case err != nil:
			return ir.Value{}, err
		case !readable:
			return failure(e, "not readable when it was recorded")
		}
		return value, nil
	}
	switch {
	case e.Op == ir.OpConst:
		if e.Type.Kind.Scalar() {
			return number(e.Const)
		}
		return wide(e.Wide, e.Type), nil
	case e.Op >= ir.OpContext && e.Op <= ir.OpPacket:
		return f.read(e)
	case e.Op == ir.OpRecord:
		return number(contextAddress)
	case e.Op >= ir.OpTask && e.Op <= ir.OpUserStack:
		return f.around(e)
	case e.Op >= ir.OpAnd && e.Op <= ir.OpTry:
		return f.lazy(e)
	case e.Op == ir.OpMeasured:
		if f.measured == nil {
			return malformed(e, "stands outside a trigger")
		}
		n, err := f.measured(int(e.Const))
		return ir.Value{Number: n}, err
	}
	args := make([]ir.Value, len(e.Args))
	for i, arg := range e.Args {
		value, err := f.eval(arg)
		if err != nil {
			return ir.Value{}, err
		}
		args[i] = value
	}
	switch {
	case e.Op == ir.OpLength:
		return number(uint64(len(bytes.TrimRight(args[0].Wide, "\x00"))))
	case e.Op >= ir.OpNot && e.Op <= ir.OpLog2:
		return unary(e, args[0].Number)
	case e.Op >= ir.OpAdd && e.Op <= ir.OpShr:
		return arithmetic(e, args[0].Number, args[1].Number)
	case e.Op >= ir.OpEq && e.Op <= ir.OpGe:
		return compare(e, args[0], args[1])
	case e.Op == ir.OpScoped:
		return truth(f.world.Scoped(args[0].Number))
	}
	return contains(e, args[0])
}

// around gives what is so while the run lasts.
func (f *frame) around(e *ir.Expr) (ir.Value, error) {
	switch e.Op {
	case ir.OpTask:
		return number(f.running.Task)
	case ir.OpNow:
		return number(f.running.Now)
	case ir.OpCPU:
		return number(uint64(f.running.CPU))
	case ir.OpPID:
		return number(uint64(f.running.PID))
	case ir.OpTID:
		return number(uint64(f.running.TID))
	case ir.OpComm:
		return text(f.running.Comm[:], e.Type), nil
	case ir.OpCgroup:
		return number(f.running.Cgroup)
	case ir.OpRandom:
		return number(uint64(f.world.Random()))
	case ir.OpStack:
		return f.stack(f.running.Stack)
	case ir.OpUserStack:
		return f.stack(f.running.UserStack)
	}
	if !f.ended {
		return malformed(e, "stands outside the end of a pair")
	}
	if e.Op == ir.OpElapsed {
		return number(f.running.Now - f.started)
	}
	if e.Const >= uint64(len(f.kept)) {
		return malformed(e, "asks for value %d of %d", e.Const, len(f.kept))
	}
	return f.kept[e.Const], nil
}

func (f *frame) stack(id int64) (ir.Value, error) {
	if id < 0 {
		f.lostStacks++
	}
	return number(uint64(id))
}

// lazy evaluates no more than is needed.
func (f *frame) lazy(e *ir.Expr) (ir.Value, error) {
	first, err := f.eval(e.Args[0])
	if e.Op == ir.OpTry {
		if failed := (*Failure)(nil); asFailure(err, &failed) {
			return f.eval(e.Args[1])
		}
		return first, err
	}
	if err != nil {
		return ir.Value{}, err
	}
	holds := first.Number != 0
	switch e.Op {
	case ir.OpAnd, ir.OpOr:
		if holds == (e.Op == ir.OpOr) {
			return truth(holds)
		}
		second, err := f.eval(e.Args[1])
		if err != nil {
			return ir.Value{}, err
		}
		return truth(second.Number != 0)
	case ir.OpGuard:
		if !holds {
			return failure(e, "the guard does not hold")
		}
		return f.eval(e.Args[1])
	}
	if holds {
		return f.resized(e, e.Args[1])
	}
	return f.resized(e, e.Args[2])
}

// resized evaluates a branch; a text may be shorter than what the whole has room for.
func (f *frame) resized(e, branch *ir.Expr) (ir.Value, error) {
	value, err := f.eval(branch)
	if err != nil || e.Type.Kind.Scalar() {
		return value, err
	}
	return wide(value.Wide, e.Type), nil
}

// operands is how many an operation has; -1 where it depends.
func operands(e *ir.Expr) int {
	switch {
	case e.Op == ir.OpCast:
		return max(1, min(2, len(e.Args)))
	case e.Op == ir.OpConst, e.Op == ir.OpContext, e.Op == ir.OpRecord, e.Op == ir.OpMeasured, e.Op >= ir.OpTask && e.Op <= ir.OpUserStack:
		return 0
	case e.Op == ir.OpCond:
		return 3
	case e.Op >= ir.OpAdd && e.Op <= ir.OpGe, e.Op >= ir.OpAnd && e.Op <= ir.OpTry:
		return 2
	}
	return 1
}
