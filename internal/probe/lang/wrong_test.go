// SPDX-License-Identifier: Apache-2.0

package lang

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
	"github.com/aeolus-ebpf/aeolus/internal/probe/spec"
)

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

func quote(b []byte) string { return fmt.Sprintf("%x", b) }

const state = "event:inet_sock_set_state"

// wrongTexts are conditions that are wrong, by the hook that they stand at.
var wrongTexts = []struct{ hook, text string }{
	{state, ""},
	{state, "newstate =="},
	{state, "newstate = TCP_CLOSE"},
	{state, "newstate & 1 == 1"},
	{state, "newstate | 1"},
	{state, "newstate << 1 == 2"},
	{state, "newstate >> 1 == 2"},
	{state, "newstate == 1 and oldstate == 2"},
	{state, "not newstate == 1"},
	{state, "tcp(sk).srtt > 50ms"},
	{state, "sk.?sk_mark == 1"},
	{state, "comm == curl"},
	{state, "enum('tcp_ca_stat', newstate) == 1"},
	{state, "enum(tcp_ca_state, newstate) == 1"},
	{state, "enum('tcp_ca_state', comm) == 1"},
	{state, "daddr == '10.0.0.1'"},
	{state, "newstate == tcp_established"},
	{state, "newstate == 'TCP_CLOSE'"},
	{state, "sock(sk).dport == '443'"},
	{state, "owner == 'checkout'"},
	{state, "sock(sk).daddr == '10.0.0.300'"},
	{state, "sock(sk).daddr in ['10.0.0.0/8']"},
	{state, "sock(sk).daddr.startsWith('10.')"},
	{state, "tcp(sk).srtt.getMilliseconds() > 5"},
	{state, "timestamp('2026-01-01T00:00:00Z') < now"},
	{state, "type(newstate) == int"},
	{state, "math.greatest(newstate, 1) == 2"},
	{state, "[1, 2].exists(x, x == newstate)"},
	{state, "comm + 'x' == 'curlx'"},
	{state, "(newstate == 1"},
	{state, "newstate == 'x"},
	{state, "newstate == 1.5"},
	{state, "newstate == 99999999999999999999"},
	{state, "{1: 2}"},
	{state, "[1, 2]"},
	{state, "newstat == TCP_CLOSE"},
	{state, "newstate == TCP_ESTABLISHD"},
	{state, "newstate == TCP_NOTHING_LIKE_IT"},
	{state, "newstate"},
	{state, "sk"},
	{state, "tcp(sk)"},
	{state, "tcp(sk) == 1"},
	{state, "tcp == 1"},
	{state, "tcp()"},
	{state, "tcp(newstate).srtt > duration('1ms')"},
	{state, "tcp(sk).srt > duration('1ms')"},
	{state, "sock(sk).srtt > duration('1ms')"},
	{state, "tcp_sock(sk).srtt > 1"},
	{state, "tcp_sock(sk).srtt_u > 1"},
	{state, "tcp(sk).srtt > 50"},
	{state, "tcp(sk).srtt > '50'"},
	{state, "tcp(sk).srtt > duration('50')"},
	{state, "tcp(sk).srtt > duration(newstate)"},
	{state, "sock(sk).daddr == 5"},
	{state, "sock(sk).daddr == '10.0.0.1/8'"},
	{state, "sock(sk).daddr == ip('10.0.0')"},
	{state, "sock(sk).daddr < ip('10.0.0.1')"},
	{state, "sock(sk).daddr in cidr('10.0.0.1/8')"},
	{state, "sock(sk).daddr in cidr('nowhere')"},
	{state, "sock(sk).daddr in '10.0.0.0/8'"},
	{state, "sock(sk).dport in cidr('10.0.0.0/8')"},
	{state, "sock(sk).daddr == cidr('10.0.0.0/8')"},
	{state, "cidr('10.0.0.0/8').containsIP(newstate)"},
	{state, "newstate in []"},
	{state, "newstate in [1, 'x']"},
	{state, "newstate in 5"},
	{state, "newstate / 0 == 1"},
	{state, "newstate % 0 == 1"},
	{state, "bitShiftLeft(newstate, 64) == 1"},
	{state, "bitAnd(newstate) == 1"},
	{state, "bitAnd(comm, 1) == 1"},
	{state, "bitand(newstate, 1) == 1"},
	{state, "comm == 5"},
	{state, "comm == 'a name that is much too long'"},
	{state, "comm.startsWith('a name that is much too long')"},
	{state, "comm.startsWith('')"},
	{state, "comm.startsWith(comm)"},
	{state, "comm.matches('.*')"},
	{state, "comm + 'x' == 'y'"},
	{state, "contains(comm, 'x')"},
	{state, "comm < 'x'"},
	{state, "sk == 1"},
	{state, "sk > sk"},
	{state, "null == null"},
	{state, "sk == 'x'"},
	{state, "string(sk) == 'x'"},
	{state, "!newstate"},
	{state, "-comm == 1"},
	{state, "newstate && true"},
	{state, "newstate == 1 ? 5 : 'x'"},
	{state, "(newstate == 1 ? newstate : comm) == 'x'"},
	{state, "newstate.x == 1"},
	{state, "newstate[0] == 1"},
	{state, "tcp_sock(sk).rtt_min.s[3].v == 1"},
	{state, "tcp_sock(sk).rtt_min.s[newstate].v == 1"},
	{state, "tcp_sock(sk).rtt_min.s == 1"},
	{state, "tcp_sock(sk).rtt_min == 1"},
	{state, "sk.sk_security == null"},
	{state, "sk.sk_peer_cred.uid.val == 0"},
	{state, "sk.sk_memcg.oom_group"},
	{state, "struct.nonsense(sk).x == 1"},
	{state, "struct.mm_struct(sk).mmap_base == 1u"},
	{state, "task.mm == null"},
	{state, "task.pidd == 1"},
	{state, "elapsed > duration('1ms')"},
	{state, "start.size > 5"},
	{state, "count() > 5"},
	{state, "connections > 5"},
	{state, "true"},
	{state, "1 + 1 == 2"},
	{state, "has(newstate + 1)"},
	{state, "has(skk.sk_mark)"},
	{state, "duration('1ms') * duration('1ms') > duration('1s')"},
	{state, "mac('nothing') == mac('02:00:00:00:00:01')"},
	{state, "ip(newstate) == ip('::1')"},
	{state, "packet.len > 5"},
	{state, "ret == 0"},
	{state, strings.Repeat("!", 300) + "true"},
	{state, strings.Repeat("(", 300) + "true" + strings.Repeat(")", 300)},
	{state, "newstate == " + strings.Repeat("1+", 2100) + "1"},
	{state, strings.Repeat("newstate==1||", 400) + "true"},
	{"event:inet_sock_set_stat", "true"},
	{"events:inet_sock_set_state", "true"},
	{"tracepoint:inet_sock_set_state", "true"},
	{"tracepoint:sock/nothing", "true"},
	{"call:tcp_v4_conect", "true"},
	{"kretprobe:tcp_v4_connect", "sock(sk).dport == 80"},
	{"fentry:tcp_v4_connect", "ret == 0"},
	{"iter:tcpp", "true"},
	{"iter:tcp", "comm == 'x'"},
	{"iter:task", "task.tgid == 1"},
	{"cgroup:connect5", "true"},
	{"cgroup:connect4", "ctx.port == 5"},
	{"cgroup:ingress", "owner == 5u"},
	{"tcx:sideways", "true"},
	{"tcx:ingress", "packet.tcpflags == 1"},
	{"tcx:ingress", "packet == 1"},
	{"tcx:ingress", "packet.u8() == 1"},
	{"tcx:ingress", "stack() == 1u"},
	{"uprobe:/bin/bash:readline", "arg6 == 1u"},
	{"uprobe:/bin/bash:readline", "string(arg0) == 'x'"},
	{"tp_btf:sched_process_exec", "bprm.file.f_inode.i_ino == 1u"},
}

// TestCompile_saysWhatIsWrong compares what is said of wrong probes with testdata/wrong.txt, which people read.
func TestCompile_saysWhatIsWrong(t *testing.T) {
	target := testTarget(t)
	var out strings.Builder
	for _, w := range wrongTexts {
		p := hooked(w.hook)
		p.Where = written(w.text)
		p.Measure = []spec.Named{{Name: "connections", Expression: written("count()")}}
		if w.text == "" {
			p.By = []spec.Named{column(" ")}
		}
		tell(t, &out, w.hook+"  "+shortened(w.text), p, target)
	}
	for _, w := range wrongProbes() {
		tell(t, &out, w.name, w.probe, w.target(target))
	}
	golden(t, "wrong.txt", out.String())
}

func shortened(text string) string {
	if len(text) > 100 {
		return text[:100] + "…"
	}
	return text
}

func tell(t *testing.T, out *strings.Builder, name string, p *spec.Probe, target Target) {
	t.Helper()
	_, err := Compile(p, target)
	require.Error(t, err, name)
	said := err.Error()
	if len(said) > 2000 {
		said = strings.ToValidUTF8(said[:200], "") + "…"
	}
	fmt.Fprintf(out, "### %s\n%s\n\n", name, said)
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got, "run: go test ./internal/probe/lang -update")
}

type wrongProbe struct {
	name   string
	probe  *spec.Probe
	target func(Target) Target
}

// wrongProbes are wrong beyond one condition.
func wrongProbes() []wrongProbe {
	same := func(target Target) Target { return target }
	make := func(change func(*spec.Probe)) *spec.Probe {
		p := hooked(state)
		p.Measure = []spec.Named{{Name: "n", Expression: written("count()")}, {Name: "rtt", Expression: written("histogram(tcp(sk).srtt)")}}
		change(p)
		return p
	}
	return []wrongProbe{
		{"no hook", make(func(p *spec.Probe) { p.Hooks = nil }), same},
		{"raw members without the permission", make(func(p *spec.Probe) { p.Where = written("sk.sk_mark == 1") }),
			func(target Target) Target { target.Raw = false; return target }},
		{"a raw member that no view has", make(func(p *spec.Probe) { p.Where = written("sk.sk_userlocks == 1") }),
			func(target Target) Target { target.Raw = false; return target }},
		{"a machine without the hook", make(func(*spec.Probe) {}), func(target Target) Target {
			target.Supports = func(ir.HookKind) bool { return false }
			return target
		}},
		{"an architecture that nobody knows", hooked("kprobe:tcp_v4_connect"), func(target Target) Target { target.Arch = "s390x"; return target }},
		{"no measure", make(func(p *spec.Probe) { p.Measure[0] = column("newstate") }), same},
		{"a measure of a text", make(func(p *spec.Probe) { p.Measure[0] = column("sum(comm)") }), same},
		{"too many arguments", make(func(p *spec.Probe) { p.Measure[0] = column("sum(newstate, 5)") }), same},
		{"bounds that descend", make(func(p *spec.Probe) { p.Measure[0] = column("histogram(newstate, [5, 1])") }), same},
		{"bounds of another type", make(func(p *spec.Probe) { p.Measure[0] = column("histogram(tcp(sk).srtt, [1, 10])") }), same},
		{"a precision out of range", make(func(p *spec.Probe) { p.Measure[0] = column("distinct(newstate, 20)") }), same},
		{"two columns of one name", make(func(p *spec.Probe) { p.By = []spec.Named{column("newstate"), column("newstate")} }), same},
		{"a key that is a view", make(func(p *spec.Probe) { p.By = []spec.Named{column("sock(sk)")} }), same},
		{"a key that is a struct", make(func(p *spec.Probe) { p.By = []spec.Named{column("sk.__sk_common")} }), same},
		{"a key that is null", make(func(p *spec.Probe) { p.By = []spec.Named{column("null")} }), same},
		{"too many keys", make(func(p *spec.Probe) { p.By = make9() }), same},
		{"a trigger without a window", make(func(p *spec.Probe) { p.Trigger = &spec.Trigger{When: written("n > 5")} }), same},
		{"a trigger of a histogram", make(func(p *spec.Probe) { p.Trigger = within("rtt > 5") }), same},
		{"a trigger of a hook's name", make(func(p *spec.Probe) { p.Trigger = within("newstate > 5") }), same},
		{"a trigger of nothing", make(func(p *spec.Probe) { p.Trigger = within("connections > 5") }), same},
		{"a trigger that asks nothing", make(func(p *spec.Probe) { p.Trigger = within("true") }), same},
		{"a top of nothing", make(func(p *spec.Probe) { p.Top, p.By = &spec.Top{K: 5, By: "m"}, []spec.Named{column("newstate")} }), same},
		{"a top of a histogram", make(func(p *spec.Probe) { p.Top, p.By = &spec.Top{K: 5, By: "rtt"}, []spec.Named{column("newstate")} }), same},
		{"a start's name at the start", make(func(p *spec.Probe) {
			p.Pair = &spec.Pair{Starts: p.Hooks, Where: written("elapsed > duration('1s')"), StartKey: written("sk")}
		}), same},
		{"a name that the start does not keep", make(func(p *spec.Probe) {
			p.Pair = &spec.Pair{Starts: p.Hooks, StartKey: written("sk"), Keep: []spec.Named{{Name: "size", Expression: written("newstate")}}}
			p.Where = written("start.sizes > 5")
		}), same},
		{"keys of different types", make(func(p *spec.Probe) {
			p.Pair = &spec.Pair{Starts: p.Hooks, StartKey: written("sk"), EndKey: written("comm")}
		}), same},
		{"hooks that do not agree", make(func(p *spec.Probe) {
			p.Hooks = append(p.Hooks, spec.Hook{Kind: "tp_btf", Target: "kfree_skb"})
			p.By = []spec.Named{column("has(newstate) ? newstate : comm")}
			p.Measure = p.Measure[:1]
		}), same},
		{"a scope where nobody is known", func() *spec.Probe {
			p := hooked("tcx:ingress")
			p.Scope.Workload = "checkout"
			return p
		}(), same},
	}
}

func make9() []spec.Named {
	var all []spec.Named
	for i := range 9 {
		all = append(all, column(fmt.Sprintf("newstate + %d", i)))
	}
	return all
}

func within(when string) *spec.Trigger {
	return &spec.Trigger{When: written(when), Within: time.Second}
}
