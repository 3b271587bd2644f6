// SPDX-License-Identifier: Apache-2.0

package cost

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

func TestTable_saysWhereFiguresComeFrom(t *testing.T) {
	type place struct {
		kind   ir.HookKind
		target string
	}
	seen := map[place]bool{}
	for _, figure := range Table() {
		require.Positive(t, figure.Hit)
		require.NotEmpty(t, figure.Source.Kernel)
		require.Regexp(t, `^\d{4}-\d\d-\d\d$`, figure.Source.Day)
		at := place{figure.Kind, figure.Target}
		require.False(t, seen[at], "%v stands twice", at)
		seen[at] = true
	}
}

func TestOf(t *testing.T) {
	connect, ok := Of(ir.Cgroup, "connect4")
	require.True(t, ok)
	other, ok := Of(ir.Cgroup, "sendmsg6")
	require.True(t, ok)
	require.NotEqual(t, connect.Target, other.Target)
	_, ok = Of(ir.HookInvalid, "")
	require.False(t, ok)
}

func TestCheapest(t *testing.T) {
	require.Equal(t, ir.BTFTracepoint, Cheapest(ir.Tracepoint, ir.RawTracepoint, ir.BTFTracepoint))
	require.Equal(t, ir.Entry, Cheapest(ir.Kprobe, ir.Entry))
	require.Equal(t, ir.Exit, Cheapest(ir.Exit, ir.Kretprobe))
	require.Equal(t, ir.Tracepoint, Cheapest(ir.Tracepoint, ir.HookInvalid), "what has not been measured comes last")
	require.Equal(t, ir.HookInvalid, Cheapest())
}
