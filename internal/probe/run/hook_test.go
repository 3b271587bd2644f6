// SPDX-License-Identifier: Apache-2.0

package run

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/probe/gen"
	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

func TestAttachOrder(t *testing.T) {
	on := func(targets ...string) []ir.Hook {
		var hooks []ir.Hook
		for _, target := range targets {
			hooks = append(hooks, ir.Hook{Kind: ir.BTFTracepoint, Target: target})
		}
		return hooks
	}
	p := &ir.Probe{Hooks: on("exit", "state"), Pair: &ir.Pair{Starts: on("entry", "state")}}
	object := &gen.Object{Programs: []gen.Program{
		{Name: "start0", Hook: 0, Start: true}, {Name: "start1", Hook: 1, Start: true}, {Name: "hook0", Hook: 0}, {Name: "hook1", Hook: 1},
	}}
	var names []string
	for _, program := range attachOrder(p, object) {
		names = append(names, program.Name)
	}
	require.Equal(t, []string{"hook1", "start0", "start1", "hook0"}, names)
}
