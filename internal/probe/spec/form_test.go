// SPDX-License-Identifier: Apache-2.0

package spec

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestForm_document(t *testing.T) {
	form := Form{
		Name: "slow", Where: "newstate == TCP_ESTABLISHED && tcp(sk).srtt > duration('50ms')", Hooks: []string{"tp_btf:inet_sock_set_state"},
		By: []string{"sock(sk).daddr", "port=sock(sk).dport", "a == b"}, Measure: []string{"count()", "rtt=histogram(tcp(sk).srtt, [1, 10])", "count()"},
		Emit: []string{"comm"}, Scope: []string{"workload=checkout", "label.app=shop"}, When: "count >= 5", Within: "2s", Top: "10:count",
		Sample: "1/100", CPU: "0.5%", Memory: "1Mi", Events: "50/s", TTL: "1h", Entries: 5,
	}
	text, err := form.Document()
	require.NoError(t, err)
	require.Equal(t, `apiVersion: aeolus.io/v1alpha1
kind: Probe
metadata:
  name: slow
spec:
  scope:
    workload: checkout
    labels:
      app: shop
  hook: tp_btf:inet_sock_set_state
  where: newstate == TCP_ESTABLISHED && tcp(sk).srtt > duration('50ms')
  by:
    - sock(sk).daddr
    - port: sock(sk).dport
    - a == b
  measure:
    count: count()
    rtt: histogram(tcp(sk).srtt, [1, 10])
    count2: count()
  top:
    k: 10
    by: count
  sample: 1/100
  trigger:
    when: count >= 5
    within: 2s
  emit:
    - comm
  entries: 5
  budget:
    cpu: 0.5%
    memory: 1Mi
    events: 50/s
  ttl: 1h
`, string(text))
	p, err := Parse(text)
	require.NoError(t, err)
	require.Equal(t, time.Hour, p.TTL)
	require.Equal(t, map[string]string{"app": "shop"}, p.Scope.Labels)
}

// TestForm_writesWhatNeedsQuotes holds that a text means the same in the document as on the command line.
func TestForm_writesWhatNeedsQuotes(t *testing.T) {
	for _, where := range []string{"!x", "a ? b : c", "'x' == comm", "*x", "true", "5", "a # b", "{}", "a\n== b", "null", "~", "%x"} {
		form := Form{Where: where, Hooks: []string{"event:x", "call:y"}, Measure: []string{"count()"}, Starts: []string{"call:f"}, StartKey: "sk", Keep: []string{"a=b"}, EndKey: "ret"}
		text, err := form.Document()
		require.NoError(t, err)
		p, err := Parse(text)
		require.NoError(t, err, "%s", text)
		require.Equal(t, where, p.Where.Text)
		require.Len(t, p.Hooks, 2)
		require.Equal(t, "command-line", p.Name)
		require.Equal(t, "ret", p.Pair.EndKey.Text)
	}
}

func TestForm_refuses(t *testing.T) {
	for want, form := range map[string]Form{
		"--scope checkout: expected a name and a value, such as workload=checkout":                                 {Scope: []string{"checkout"}},
		"--top 10: expected how many and by which measure, such as 10:connections":                                 {Top: "10"},
		"--measure n: expected a call such as count() or histogram(tcp(sk).srtt), with or without NAME= before it": {Measure: []string{"n"}},
		"--keep x: expected a name and an expression, such as port=sock(sk).dport":                                 {Keep: []string{"x"}},
	} {
		_, err := form.Document()
		require.EqualError(t, err, want)
	}
}

func TestParseHook(t *testing.T) {
	for text, want := range map[string]Hook{
		"event:tcp_retransmit_skb":                    {Kind: "event", Target: "tcp_retransmit_skb"},
		"tracepoint:tcp/tcp_probe":                    {Kind: "tracepoint", Target: "tcp/tcp_probe"},
		"uprobe:/usr/lib/libssl.so.3:SSL_write":       {Kind: "uprobe", Path: "/usr/lib/libssl.so.3", Target: "SSL_write"},
		"tcx:eth0":                                    {Kind: "tcx", Interface: "eth0", Direction: "ingress"},
		"tcx:eth0:egress":                             {Kind: "tcx", Interface: "eth0", Direction: "egress"},
		"cgroup:connect4":                             {Kind: "cgroup", Target: "connect4", Path: "/"},
		"cgroup:connect4:/system.slice/nginx.service": {Kind: "cgroup", Target: "connect4", Path: "/system.slice/nginx.service"},
		"iter:tcp":                                    {Kind: "iter", Target: "tcp", Every: time.Second},
		"iter:tcp:5s":                                 {Kind: "iter", Target: "tcp", Every: 5 * time.Second},
	} {
		got, err := ParseHook(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got)
	}
	for _, text := range []string{"", "x", "tcx:", "tcx:eth0:up", "cgroup:connect5", "cgroup:connect4:relative", "iter:tcp:1ms", "iter:", "uprobe:ssl:x", "event:a b", "tracepoint:x", "kprobe:"} {
		_, err := ParseHook(text)
		require.Error(t, err, text)
	}
}
