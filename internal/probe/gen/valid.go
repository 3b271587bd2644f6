// SPDX-License-Identifier: Apache-2.0

package gen

import (
	"fmt"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

// maxDepth bounds how deep expressions are nested.
const maxDepth = 500

// validate refuses expressions that no language makes: with operands that are missing, or nested too deep. What follows need
// not look for them.
func validate(probe *ir.Probe) error {
	v := validator{depths: map[*ir.Expr]int{}}
	hooks := probe.Hooks
	if probe.Pair != nil {
		hooks = append(hooks[:len(hooks):len(hooks)], probe.Pair.Starts...)
	}
	for i := range hooks {
		if err := v.hook(probe, &hooks[i], i >= len(probe.Hooks)); err != nil {
			return err
		}
	}
	if probe.Trigger == nil {
		return nil
	}
	for _, i := range probe.Trigger.Measures {
		if i < 0 || i >= len(probe.Measures) {
			return fmt.Errorf("a trigger asks for measure %d of %d", i, len(probe.Measures))
		}
	}
	if probe.Trigger.When == nil {
		return fmt.Errorf("a trigger without a condition")
	}
	return v.expr(probe.Trigger.When)
}

type validator struct{ depths map[*ir.Expr]int }

func (v *validator) hook(probe *ir.Probe, hook *ir.Hook, start bool) error {
	for _, e := range roots(probe, hook) {
		if e == nil {
			continue
		}
		if err := v.expr(e); err != nil {
			return err
		}
	}
	if start {
		if len(hook.Keep) != len(probe.Pair.Keep) {
			return fmt.Errorf("a start keeps %d values of %d", len(hook.Keep), len(probe.Pair.Keep))
		}
		return v.fields(hook.Keep, probe.Pair.Keep)
	}
	if len(hook.Keys) != len(probe.Keys) || len(hook.Emit) != len(probe.Emit) || len(hook.Measures) != len(probe.Measures) {
		return fmt.Errorf("hook %s has %d keys, %d measures and %d emitted values; the probe has %d, %d and %d", hook.Target,
			len(hook.Keys), len(hook.Measures), len(hook.Emit), len(probe.Keys), len(probe.Measures), len(probe.Emit))
	}
	if err := v.fields(hook.Keys, probe.Keys); err != nil {
		return err
	}
	return v.fields(hook.Emit, probe.Emit)
}

// fields compares values with the columns that they are for.
func (v *validator) fields(list []*ir.Expr, fields []ir.Field) error {
	for i, e := range list {
		if e == nil {
			return fmt.Errorf("column %s has no value", fields[i].Name)
		}
		if e.Type.Kind.Scalar() != fields[i].Type.Kind.Scalar() || e.Type.Width() > fields[i].Type.Width() {
			return fmt.Errorf("column %s is %s, its value %s", fields[i].Name, fields[i].Type, e.Type)
		}
	}
	return nil
}

func (v *validator) expr(e *ir.Expr) error {
	_, err := v.depth(e)
	return err
}

func (v *validator) depth(e *ir.Expr) (int, error) {
	if e == nil {
		return 0, fmt.Errorf("an expression is missing")
	}
	if depth, ok := v.depths[e]; ok {
		if depth < 0 {
			return 0, fmt.Errorf("%s contains itself", e.Op)
		}
		return depth, nil
	}
	if want := operands(e); len(e.Args) != want {
		return 0, fmt.Errorf("%s has %d operands instead of %d", e.Op, len(e.Args), want)
	}
	v.depths[e] = -1
	deepest := 0
	for _, arg := range e.Args {
		depth, err := v.depth(arg)
		if err != nil {
			return 0, err
		}
		deepest = max(deepest, depth)
	}
	if deepest++; deepest > maxDepth {
		return 0, fmt.Errorf("%w: an expression is nested more than %d deep", ErrBounds, maxDepth)
	}
	v.depths[e] = deepest
	return deepest, nil
}

// operands is how many an operation has.
func operands(e *ir.Expr) int {
	switch e.Op {
	case ir.OpCast:
		return max(1, min(2, len(e.Args)))
	case ir.OpConst, ir.OpContext, ir.OpRecord, ir.OpTask, ir.OpNow, ir.OpCPU, ir.OpPID, ir.OpTID, ir.OpComm, ir.OpCgroup, ir.OpRandom,
		ir.OpElapsed, ir.OpKept, ir.OpStack, ir.OpUserStack, ir.OpMeasured:
		return 0
	case ir.OpCond:
		return 3
	}
	if e.Op >= ir.OpAdd && e.Op <= ir.OpGe || e.Op == ir.OpAnd || e.Op == ir.OpOr || e.Op == ir.OpGuard || e.Op == ir.OpTry {
		return 2
	}
	return 1
}
