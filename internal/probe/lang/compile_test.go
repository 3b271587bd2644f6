// SPDX-License-Identifier: Apache-2.0

package lang

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
	"github.com/aeolus-ebpf/aeolus/internal/probe/spec"
	"github.com/aeolus-ebpf/aeolus/internal/probe/types"
)

func slowHandshakes() *spec.Probe {
	return &spec.Probe{
		Name:  "slow-handshakes",
		Hooks: []spec.Hook{{Kind: "event", Target: "inet_sock_set_state"}},
		Where: written("newstate == TCP_ESTABLISHED && tcp(sk).srtt > duration('50ms') && sock(sk).daddr in cidr('10.0.0.0/8')"),
		By:    []spec.Named{{Expression: written("sock(sk).daddr")}, {Expression: written("sock(sk).dport")}},
		Measure: []spec.Named{
			{Name: "connections", Expression: written("count()")}, {Name: "rtt", Expression: written("histogram(tcp(sk).srtt)")},
		},
		Emit:    []spec.Named{{Expression: written("owner")}, {Expression: written("newstate")}},
		Trigger: &spec.Trigger{When: written("connections >= 5"), Within: time.Second},
	}
}

func runningKernel(t testing.TB) Target {
	t.Helper()
	k, err := types.Load()
	if err != nil {
		t.Skip("the running kernel shows no types")
	}
	return Target{Kernel: k, Arch: "amd64", Cgroup1Index: 3, Raw: true}
}

func TestCompile_resolvesAWholeProbe(t *testing.T) {
	p, err := Compile(slowHandshakes(), testTarget(t))
	require.NoError(t, err)
	require.Len(t, p.Hooks, 1)
	require.Equal(t, ir.BTFTracepoint, p.Hooks[0].Kind)
	require.Equal(t, []ir.MeasureKind{ir.Count, ir.Log2Histogram}, []ir.MeasureKind{p.Measures[0].Kind, p.Measures[1].Kind})
	require.Equal(t, []int{0}, p.Trigger.Measures)
	require.Equal(t, "TCP_ESTABLISHED", p.Enums["tcp_state"].Values[1])
	require.Nil(t, p.Hooks[0].Measures[0])
	require.Equal(t, ir.Duration, p.Hooks[0].Measures[1].Type.Kind)
}

func BenchmarkCompile(b *testing.B) {
	p, target := slowHandshakes(), runningKernel(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Compile(p, target); err != nil {
			b.Fatal(err)
		}
	}
}
