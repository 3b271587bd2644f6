// SPDX-License-Identifier: Apache-2.0

package run

import (
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
