// SPDX-License-Identifier: Apache-2.0

package gen

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

func TestCapabilities(t *testing.T) {
	task := &ir.Expr{Op: ir.OpTask, Type: ir.Type{Kind: ir.Pointer, Struct: "task_struct"}}
	packet := &ir.Expr{Op: ir.OpContext, Type: ir.Type{Kind: ir.Int}}
	for name, try := range map[string]struct {
		probe ir.Probe
		want  []string
	}{
		"a tracepoint":         {ir.Probe{Hooks: []ir.Hook{{Kind: ir.BTFTracepoint}}}, []string{"CAP_BPF", "CAP_PERFMON"}},
		"packets":              {ir.Probe{Hooks: []ir.Hook{{Kind: ir.TCX, Where: packet}}}, []string{"CAP_BPF", "CAP_NET_ADMIN"}},
		"whoever connects":     {ir.Probe{Hooks: []ir.Hook{{Kind: ir.Cgroup, Keys: []*ir.Expr{task}}}}, []string{"CAP_BPF", "CAP_NET_ADMIN", "CAP_PERFMON"}},
		"a function's program": {ir.Probe{Hooks: []ir.Hook{{Kind: ir.Uprobe}}}, []string{"CAP_BPF", "CAP_PERFMON", "CAP_SYS_ADMIN"}},
		"a pair": {
			ir.Probe{Hooks: []ir.Hook{{Kind: ir.RawTracepoint}}, Pair: &ir.Pair{Starts: []ir.Hook{{Kind: ir.Uprobe}}}},
			[]string{"CAP_BPF", "CAP_PERFMON", "CAP_SYS_ADMIN"},
		},
	} {
		require.Equal(t, try.want, capabilities(&try.probe), name)
	}
}
