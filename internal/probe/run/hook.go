// SPDX-License-Identifier: Apache-2.0

package run

import (
	"cmp"
	"slices"

	"github.com/aeolus-ebpf/aeolus/internal/probe"
	"github.com/aeolus-ebpf/aeolus/internal/probe/gen"
	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

// hookOf is the hook that a program is for.
func hookOf(p *ir.Probe, program *gen.Program) *ir.Hook {
	if program.Start {
		return &p.Pair.Starts[program.Hook]
	}
	return &p.Hooks[program.Hook]
}

// programName is how a person writes the hook of a program.
func programName(p *ir.Probe, program *gen.Program) string { return probe.HookName(hookOf(p, program)) }

// attachOrder is the order in which programs are attached: the starts of a pair first, or an end would be missing a start that nobody
// saw. But where a start and an end are on the same hook, the end comes first: programs run in the order in which they were
// attached, and the end is that of an earlier start, not of the one that begins with the same event.
func attachOrder(p *ir.Probe, object *gen.Object) []*gen.Program {
	begins := map[string]bool{}
	for i := range object.Programs {
		if program := &object.Programs[i]; program.Start {
			begins[programName(p, program)] = true
		}
	}
	rank := func(program *gen.Program) int {
		switch {
		case program.Start:
			return 1
		case begins[programName(p, program)]:
			return 0
		}
		return 2
	}
	programs := make([]*gen.Program, len(object.Programs))
	for i := range object.Programs {
		programs[i] = &object.Programs[i]
	}
	slices.SortStableFunc(programs, func(a, b *gen.Program) int { return cmp.Compare(rank(a), rank(b)) })
	return programs
}
