// SPDX-License-Identifier: Apache-2.0

package spec

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

const handshakes = `apiVersion: aeolus.io/v1alpha1
kind: Probe
metadata: {name: slow-handshakes, labels: {team: shop}}
spec:
  scope: {workload: checkout}            # labels, namespace, container, cgroup, node
  hook: {tp_btf: inet_sock_set_state}
  where: newstate == TCP_ESTABLISHED && tcp(sk).srtt > duration('50ms')
  by: [sock(sk).daddr, {port: sock(sk).dport}]
  measure: {connections: count(), rtt: histogram(tcp(sk).srtt)}
  trigger: {when: connections >= 5, within: 2s}
  top: {k: 10, by: connections}
  sample: 1/100
  emit:
    saddr: sock(sk).saddr
    "srtt": |
      tcp(sk).srtt
  budget: {cpu: 0.5%, memory: 1Mi, events: 50/s}
  ttl: 1h
`

func TestParse_everything(t *testing.T) {
	p, err := Parse([]byte(handshakes))
	require.NoError(t, err)
	expression := func(text, field string, line, column int) Expression {
		return Expression{Text: text, Field: field, Line: line, Column: column}
	}
	require.Equal(t, &Probe{
		Name: "slow-handshakes", Labels: map[string]string{"team": "shop"}, Scope: Scope{Workload: "checkout"},
		Hooks: []Hook{{Kind: "tp_btf", Target: "inet_sock_set_state", Line: 6, Column: 9}},
		Where: expression("newstate == TCP_ESTABLISHED && tcp(sk).srtt > duration('50ms')", "spec.where", 7, 10),
		By: []Named{{Expression: expression("sock(sk).daddr", "spec.by[0]", 8, 8)},
			{Name: "port", Expression: expression("sock(sk).dport", "spec.by[1].port", 8, 31)}},
		Measure: []Named{{Name: "connections", Expression: expression("count()", "spec.measure.connections", 9, 26)},
			{Name: "rtt", Expression: expression("histogram(tcp(sk).srtt)", "spec.measure.rtt", 9, 40)}},
		Trigger: &Trigger{When: expression("connections >= 5", "spec.trigger.when", 10, 19), Within: 2 * time.Second},
		Top:     &Top{K: 10, By: "connections"}, SampleOneIn: 100,
		Emit: []Named{{Name: "saddr", Expression: expression("sock(sk).saddr", "spec.emit.saddr", 14, 12)},
			{Name: "srtt", Expression: expression("tcp(sk).srtt", "spec.emit.srtt", 16, 7)}},
		Entries: DefaultEntries, Budget: ir.Budget{CPU: 5000, Memory: 1 << 20, Events: 50}, TTL: time.Hour,
	}, p)
}

// with is a whole probe around lines of spec.
func with(lines string) string {
	return "apiVersion: aeolus.io/v1alpha1\nkind: Probe\nmetadata: {name: x}\nspec:\n" + lines
}

func TestParse_defaults(t *testing.T) {
	p, err := Parse([]byte(with("  hook: event:tcp_retransmit_skb\n  measure: {n: count()}\n  pair: {start: {hook: {call: f}, key: sk}}\n")))
	require.NoError(t, err)
	require.Equal(t, []Hook{{Kind: "event", Target: "tcp_retransmit_skb", Line: 5, Column: 9}}, p.Hooks)
	require.Equal(t, ir.Budget{CPU: DefaultCPU, Memory: DefaultMemory, Events: DefaultEvents}, p.Budget)
	require.Equal(t, uint32(1), p.SampleOneIn)
	require.Equal(t, DefaultTTL, p.TTL)
	require.Equal(t, p.Pair.StartKey, p.Pair.EndKey)
	require.Equal(t, []int{DefaultPairEntries, int(DefaultLongest)}, []int{p.Pair.Entries, int(p.Pair.Longest)})
	require.True(t, p.Scope.IsHost())
}
