// SPDX-License-Identifier: Apache-2.0

package interp

import (
	"fmt"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

// Recorder is a probe that records what another one's hooks see.
type Recorder struct {
	// Probe is the one to run: its events are what Writer.Event takes.
	Probe  *ir.Probe
	header header
	// places say for each hook which emitted value each leaf is.
	places [][]slot
}

// slot is where a leaf's value is among the emitted ones, and where it says whether the value could be read; -1 if it always
// can.
type slot struct {
	value, readable int
	pointer         bool
}

// NewRecorder makes a recorder of a probe for the kernel whose BTF has this hash. What the scope and the sampling leave out is
// not recorded; with a pair nothing is sampled, because an end must find its start.
func NewRecorder(probe *ir.Probe, kernel string) (*Recorder, error) {
	r := &Recorder{
		header: header{Recording: version, Probe: probe.Name, Kernel: kernel},
		Probe: &ir.Probe{
			Name: probe.Name, SampleOneIn: probe.SampleOneIn, Stacks: probe.Stacks, Budget: probe.Budget, TTL: probe.TTL,
			Raw: probe.Raw, Sources: probe.Sources, Enums: probe.Enums,
		},
	}
	if probe.Pair != nil {
		r.Probe.SampleOneIn = 1
		for i := range probe.Pair.Starts {
			if err := r.add(&probe.Pair.Starts[i], true); err != nil {
				return nil, err
			}
		}
	}
	for i := range probe.Hooks {
		if err := r.add(&probe.Hooks[i], false); err != nil {
			return nil, err
		}
	}
	if len(r.header.Hooks) > maximumHooks {
		return nil, fmt.Errorf("recording %s: more than %d hooks", probe.Name, maximumHooks)
	}
	for i := range r.Probe.Hooks {
		hook := &r.Probe.Hooks[i]
		for at := len(hook.Emit); at < len(r.Probe.Emit); at++ {
			hook.Emit = append(hook.Emit, zero(r.Probe.Emit[at].Type))
		}
		for at, e := range hook.Emit {
			if e == nil {
				hook.Emit[at] = zero(r.Probe.Emit[at].Type)
			}
		}
	}
	return r, nil
}

// add records one hook. Its leaves take the first free columns of their type, because all hooks' events have the same columns.
func (r *Recorder) add(from *ir.Hook, start bool) error {
	keys := newKeys()
	all := []*ir.Expr{from.Where, from.PairKey}
	for _, list := range [][]*ir.Expr{from.Keep, from.Keys, from.Measures, from.Emit} {
		all = append(all, list...)
	}
	found, err := leaves(all, keys)
	if err != nil {
		return err
	}
	if len(found) > maximumLeaves {
		return fmt.Errorf("recording %s: more than %d things to read", hookName(from), maximumLeaves)
	}
	to := ir.Hook{
		Kind: from.Kind, Target: from.Target, Direction: from.Direction, Path: from.Path, Interface: from.Interface,
		Every: from.Every, Guard: from.Guard,
	}
	of := headerHook{Hook: hookName(from), Start: start}
	places := []slot{}
	for _, leaf := range found {
		of.Leaves = append(of.Leaves, headerLeaf{Key: keys.of(leaf), Type: shapeOf(leaf.Type), Name: leaf.Load.Path})
		place := slot{readable: -1, pointer: leaf.Type.Kind == ir.Pointer}
		value := leaf
		if canFail(leaf) {
			same := &ir.Expr{Op: ir.OpEq, Type: ir.Type{Kind: ir.Bool}, Args: []*ir.Expr{leaf, leaf}, Pos: leaf.Pos}
			place.readable = r.column(&to, try(same))
			value = try(leaf)
		}
		place.value = r.column(&to, value)
		places = append(places, place)
	}
	r.Probe.Hooks = append(r.Probe.Hooks, to)
	r.header.Hooks = append(r.header.Hooks, of)
	r.places = append(r.places, places)
	return nil
}

// column puts an expression into the first free column that holds values like it.
func (r *Recorder) column(hook *ir.Hook, e *ir.Expr) int {
	t := ir.Type{Kind: e.Type.Kind, Size: e.Type.Size}
	for i, field := range r.Probe.Emit {
		if i >= len(hook.Emit) {
			hook.Emit = append(hook.Emit, nil)
		}
		if field.Type == t && hook.Emit[i] == nil {
			hook.Emit[i] = e
			return i
		}
	}
	r.Probe.Emit = append(r.Probe.Emit, ir.Field{Name: fmt.Sprintf("leaf%d", len(r.Probe.Emit)), Type: t})
	hook.Emit = append(hook.Emit, e)
	return len(hook.Emit) - 1
}

func try(e *ir.Expr) *ir.Expr {
	return &ir.Expr{Op: ir.OpTry, Type: e.Type, Args: []*ir.Expr{e, zero(e.Type)}, Pos: e.Pos}
}

func zero(t ir.Type) *ir.Expr {
	e := &ir.Expr{Op: ir.OpConst, Type: t}
	if !t.Kind.Scalar() {
		e.Wide = make([]byte, t.Bytes())
	}
	return e
}
