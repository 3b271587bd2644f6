// SPDX-License-Identifier: Apache-2.0

package lang

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
	"github.com/aeolus-ebpf/aeolus/internal/probe/spec"
)

// rightTexts are values, by the hook that they stand at.
var rightTexts = []struct{ hook, text string }{
	{state, "newstate"},
	{state, "oldstate == TCP_SYN_SENT && newstate != 7"},
	{state, "newstate == 1u || newstate > -1"},
	{state, "newstate + 2 * 3 - 4"},
	{state, "7 / -2 + 7 % -2"},
	{state, "18446744073709551615u + 2u"},
	{state, "uint(newstate) < 5"},
	{state, "uint(newstate) == -1"},
	{state, "newstate in [1, 2, 3]"},
	{state, "newstate in [1, 2, 3, 4, 5, 6, 7, 8, 9, 9]"},
	{state, "newstate == 1 ? 'a' : 'bcd'"},
	{state, "newstate == 1 ? null : sk"},
	{state, "newstate == 1 ? newstate : uint(newstate)"},
	{state, "sk != null && sk.__sk_common.skc_dport == 80"},
	{state, "sk.__sk_common.skc_net.net.ns.inum"},
	{state, "sk.sk_shutdown"},
	{state, "sk.sk_kern_sock"},
	{state, "sk.__sk_common.skc_reuse"},
	{state, "sk.sk_pacing_rate > 5"},
	{state, "sk.sk_data_ready == null"},
	{state, "ksym(sk.sk_data_ready)"},
	{state, "ip(sk.__sk_common.skc_daddr) == ip('127.0.0.1')"},
	{state, "sk.__sk_common.skc_v6_daddr == ip('::1')"},
	{state, "sock(sk).daddr == '10.0.0.1'"},
	{state, "sock(sk).daddr in cidr('10.0.0.0/8')"},
	{state, "sock(sk).daddr in [ip('10.0.0.1'), cidr('192.168.0.0/16')]"},
	{state, "cidr('2001:db8::/32').containsIP(sock(sk).saddr)"},
	{state, "ip('10.1.2.3') in cidr('10.0.0.0/8') ? 1 : 2"},
	{state, "sock(sk).sport"},
	{state, "sock(sk).mark"},
	{state, "sock(sk).state"},
	{state, "sock(sk).cgroup"},
	{state, "tcp(sk).srtt > duration('50ms')"},
	{state, "tcp(sk).srtt > '50ms'"},
	{state, "tcp(sk).srtt / 2 + duration('1us') * 3"},
	{state, "tcp(sk).srtt / duration('1ms')"},
	{state, "tcp(sk).congestion == 'cubic'"},
	{state, "tcp(sk).congestion.startsWith('bbr')"},
	{state, "tcp(sk).min_rtt"},
	{state, "hook"},
	{state, "hook == 'inet_sock_set_state' ? 1 : 2"},
	{"tcx:ingress", "hook"},
	{state, "enum('tcp_ca_state', newstate + 1)"},
	{state, "enum('skb_drop_reason', uint(newstate))"},
	{state, "tcp(sk).ca_state == TCP_CA_Recovery"},
	{state, "tcp(sk).cwnd_limited"},
	{state, "tcp(sk).cwnd_limited == 1"},
	{state, "tcp_sock(sk).srtt_us"},
	{state, "struct.tcp_sock(sk).rtt_min.s[1].v"},
	{state, "comm"},
	{state, "comm == 'curl'"},
	{state, "comm in ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j']"},
	{state, "size(comm)"},
	{state, "size('four')"},
	{state, "comm.size() + size(b'123')"},
	{state, "pid + tid + cpu"},
	{state, "now"},
	{state, "task.comm"},
	{state, "task.ppid"},
	{state, "task.uid"},
	{state, "task.netns"},
	{state, "task.cgroup"},
	{state, "owner"},
	{state, "stack()"},
	{state, "abs(newstate - 5)"},
	{state, "min(newstate, 5)"},
	{state, "max(tcp(sk).srtt, duration('1ms'))"},
	{state, "log2(newstate)"},
	{state, "log2(1024)"},
	{state, "ntohs(0x1234) + ntohl(1)"},
	{state, "bitAnd(newstate, 3)"},
	{state, "bitOr(bitXor(newstate, 3), bitNot(0))"},
	{state, "bitShiftLeft(1, newstate)"},
	{state, "bitShiftRight(-8, 1)"},
	{state, "math.bitAnd(newstate, 3)"},
	{state, "int(newstate == 1)"},
	{state, "bool(newstate)"},
	{state, "uint(sk)"},
	{state, "has(sk.sk_nothing) ? sk.sk_nothing : 7"},
	{state, "has(sk.sk_mark) && sk.sk_mark == 5"},
	{state, "has(reason) || newstate == 1"},
	{state, "has(tcp(sk).srtt) ? tcp(sk).srtt : duration('0s')"},
	{state, "AF_INET6"},
	{state, "TCP_LISTEN"},
	{"event:kfree_skb", "reason == SKB_DROP_REASON_NO_SOCKET"},
	{"event:kfree_skb", "skb(skb).saddr"},
	{"event:kfree_skb", "skb(skb).dport"},
	{"event:kfree_skb", "skb(skb).tcp_flags"},
	{"event:kfree_skb", "sock(skb(skb).sk).sport"},
	{"event:kfree_skb", "ksym(location)"},
	{"event:kfree_skb", "owner"},
	{"event:kfree_skb", "skb.cloned"},
	{"raw_tp:inet_sock_set_state", "tcp(sk).snd_cwnd"},
	{"raw_tp:inet_sock_set_state", "oldstate"},
	{"event:sched_switch", "task(next).pid"},
	{"event:sched_switch", "preempt"},
	{"event:sched_process_exec", "task(p).comm == 'x'"},
	{"event:sched_process_exec", "string(bprm.filename)"},
	{"tracepoint:sock/inet_sock_set_state", "newstate == TCP_CLOSE && sport == 80"},
	{"tracepoint:sock/inet_sock_set_state", "sock(skaddr).daddr"},
	{"tracepoint:sock/inet_sock_set_state", "ip(daddr_v6)"},
	{"tracepoint:sock/inet_sock_set_state", "ip(daddr) == ip('10.0.0.1')"},
	{"tracepoint:neigh/neigh_timer_handler", "dev == 'eth0'"},
	{"tracepoint:neigh/neigh_timer_handler", "more"},
	{"tracepoint:neigh/neigh_timer_handler", "nud_state"},
	{"tracepoint:neigh/neigh_timer_handler", "ip(primary_key4)"},
	{"fentry:tcp_sendmsg", "size"},
	{"fexit:tcp_sendmsg", "ret < 0 && size > 5"},
	{"kprobe:tcp_v4_connect", "addr_len"},
	{"kprobe:tcp_v4_connect", "sock(sk).state"},
	{"kretprobe:tcp_v4_connect", "ret == -ECONNREFUSED"},
	{"call:tcp_sendmsg", "size"},
	{"return:tcp_sendmsg", "ret"},
	{"uprobe:/lib/libc.so.6:getaddrinfo", "ustring(arg0)"},
	{"uprobe:/lib/libc.so.6:getaddrinfo", "ustring(arg0, 16) == 'localhost'"},
	{"uretprobe:/lib/libc.so.6:getaddrinfo", "ret"},
	{"iter:tcp", "sock(sk_common).state == TCP_LISTEN"},
	{"iter:tcp", "tcp(sk).srtt"},
	{"iter:tcp", "owner"},
	{"iter:udp", "udp(sk).rx_queue"},
	{"iter:task", "task(task).comm"},
	{"iter:task", "task.pid"},
	{"iter:task", "owner"},
	{"tcx:ingress", "packet.len"},
	{"tcx:ingress", "packet.saddr in cidr('10.0.0.0/8')"},
	{"tcx:egress", "packet.dport == 53"},
	{"tcx:egress", "packet.u16(packet.payload + 2)"},
	{"cgroup:ingress", "packet.tcp_flags"},
	{"cgroup:connect4", "ctx.daddr"},
	{"cgroup:connect4", "ntohs(ctx.user_port)"},
	{"cgroup:connect6", "ctx.dport == 443"},
	{"cgroup:connect4", "ip(ctx.user_ip4)"},
	{"cgroup:connect4", "ctx.type == SOCK_STREAM"},
	{"tracepoint:neigh/neigh_timer_handler", "sock(skaddr).dport"},
	{"tracepoint:neigh/neigh_timer_handler", "owner"},
	{"cgroup:connect4", "owner"},
}

// TestCompile_resolvesWhatIsRight compares what is made of texts with testdata/right.txt, which people read.
func TestCompile_resolvesWhatIsRight(t *testing.T) {
	target := testTarget(t)
	var out strings.Builder
	for _, r := range rightTexts {
		p := hooked(r.hook)
		p.Emit = []spec.Named{{Name: "value", Expression: written(r.text)}}
		made, err := Compile(p, target)
		require.NoError(t, err, "%s %s", r.hook, r.text)
		e := made.Hooks[0].Emit[0]
		require.Equal(t, made.Emit[0].Type.Kind, e.Type.Kind)
		sound(t, e)
		fmt.Fprintf(&out, "### %s  %s\n%s: %s\n\n", r.hook, r.text, shownType(made.Emit[0].Type), write(e))
	}
	golden(t, "right.txt", out.String())
}

func shownType(t ir.Type) string {
	s := t.String()
	if t.Direct {
		s += ", direct"
	}
	if t.Hint != ir.Plain {
		s += fmt.Sprintf(", hint %d", t.Hint)
	}
	return s
}

// sound holds what package ir says of expressions: types of operands, sizes of wide values, and that nothing is null.
func sound(t *testing.T, e *ir.Expr) {
	t.Helper()
	e.Walk(func(e *ir.Expr) {
		for _, a := range e.Args {
			require.NotNil(t, a, write(e))
		}
		require.NotEqual(t, ir.Invalid, e.Type.Kind, write(e))
		switch e.Op {
		case ir.OpConst:
			if !e.Type.Kind.Scalar() {
				require.Len(t, e.Wide, e.Type.Bytes(), write(e))
			}
		case ir.OpLoad, ir.OpContext, ir.OpPacket:
			if e.Type.Kind.Scalar() {
				require.Contains(t, []int{1, 2, 4, 8}, e.Load.Size, write(e))
			}
			require.GreaterOrEqual(t, e.Load.Offset, 0, write(e))
		case ir.OpAnd, ir.OpOr, ir.OpNot:
			for _, a := range e.Args {
				require.Equal(t, ir.Bool, a.Type.Kind, write(e))
			}
		case ir.OpCond:
			require.Equal(t, ir.Bool, e.Args[0].Type.Kind, write(e))
			require.Equal(t, e.Args[1].Type.Kind, e.Args[2].Type.Kind, write(e))
			require.Equal(t, e.Args[1].Type.Bytes(), e.Args[2].Type.Bytes(), write(e))
		case ir.OpAdd, ir.OpSub, ir.OpMul, ir.OpDiv, ir.OpMod, ir.OpBitAnd, ir.OpBitOr, ir.OpBitXor, ir.OpShl, ir.OpShr,
			ir.OpEq, ir.OpNe, ir.OpLt, ir.OpLe, ir.OpGt, ir.OpGe:
			require.Equal(t, e.Args[0].Type.Kind, e.Args[1].Type.Kind, write(e))
		case ir.OpOneOf:
			for _, element := range e.Set {
				require.Len(t, element, e.Args[0].Type.Width(), write(e))
			}
		}
	})
}

// TestCompile_sharesWhatIsTheSame holds that a path that two texts go is one expression.
func TestCompile_sharesWhatIsTheSame(t *testing.T) {
	p := hooked(state)
	p.Where = written("tcp(sk).srtt > duration('1ms')")
	p.By = []spec.Named{column("tcp(sk).srtt"), column("tcp(sk).snd_cwnd")}
	made, err := Compile(p, testTarget(t))
	require.NoError(t, err)
	h := made.Hooks[0]
	require.Same(t, h.Where.Args[0], h.Keys[0])
	casts := map[*ir.Expr]bool{}
	for _, e := range []*ir.Expr{h.Where, h.Keys[0], h.Keys[1]} {
		e.Walk(func(e *ir.Expr) {
			if e.Op == ir.OpCast {
				casts[e] = true
			}
		})
	}
	require.Len(t, casts, 1)
}

func TestCompile_resolvesPairsScopesAndAlternatives(t *testing.T) {
	target := testTarget(t)
	target.Supports = func(kind ir.HookKind) bool { return kind != ir.Entry && kind != ir.Exit }
	p := hooked("return:tcp_v4_connect")
	p.Scope = spec.Scope{Workload: "checkout", NetNS: "blue"}
	p.Pair = &spec.Pair{
		Starts: []spec.Hook{{Kind: "call", Target: "tcp_v4_connect"}}, Entries: 100, Longest: time.Minute,
		Keep: []spec.Named{{Name: "sk", Expression: written("sk")}, {Name: "comm", Expression: written("comm")}},
	}
	p.By = []spec.Named{column("start.comm"), column("sock(start.sk).dport")}
	p.Measure = []spec.Named{{Name: "lasted", Expression: written("histogram(elapsed, [duration('1ms'), duration('1s')])")}}
	made, err := Compile(p, target)
	require.NoError(t, err)
	require.Equal(t, ir.Kretprobe, made.Hooks[0].Kind)
	require.Equal(t, []ir.Alternative{{Kind: ir.Exit, Target: "tcp_v4_connect", Why: cannot}}, made.Hooks[0].Alternatives)
	require.Equal(t, ir.Kprobe, made.Pair.Starts[0].Kind)
	require.Equal(t, ir.OpTID, made.Hooks[0].PairKey.Op)
	require.Same(t, made.Hooks[0].PairKey, made.Pair.Starts[0].PairKey)
	require.Nil(t, made.Hooks[0].Guard)
	require.Equal(t, ir.OpAnd, made.Pair.Starts[0].Guard.Op)
	require.Equal(t, ir.OpScoped, made.Pair.Starts[0].Guard.Args[0].Op)
	require.Len(t, made.Pair.Starts[0].Keep, 2)
	require.Equal(t, []int64{1e6, 1e9}, made.Measures[0].Bounds)
	require.False(t, made.Raw)
}

func TestCompile_makesSeveralHooksAgree(t *testing.T) {
	p := hooked("tp_btf:tcp_retransmit_skb")
	p.Hooks = append(p.Hooks, parseHook("iter:udp"), parseHook("kprobe:udp_sendmsg"))
	p.By = []spec.Named{column("sock(sk).dport"), column("sock(sk).daddr")}
	p.Measure = []spec.Named{column("count()"), column("distinct(sock(sk).daddr, 10)"), column("rate(1)"), column("avg(sock(sk).dport)")}
	p.Top = &spec.Top{K: 5, By: "count()"}
	made, err := Compile(p, testTarget(t))
	require.NoError(t, err)
	require.Len(t, made.Hooks, 3)
	for _, h := range made.Hooks {
		require.Len(t, h.Keys, 2)
		require.Len(t, h.Measures, 4)
		require.Nil(t, h.Measures[0])
	}
	require.Equal(t, 10, made.Measures[1].Precision)
	require.Equal(t, 0, made.Top.Measure)
}

// TestRaw_isToldWhereItIsUsed holds that views need no permission and raw members do.
func TestRaw_isToldWhereItIsUsed(t *testing.T) {
	target := testTarget(t)
	for text, raw := range map[string]bool{
		"sock(sk).mark": false, "owner": false, "task.uid": false, "has(sk.sk_mark)": false, "sk.sk_mark": true, "tcp_sock(sk).srtt_us": true,
	} {
		p := hooked(state)
		p.Emit = []spec.Named{column(text)}
		made, err := Compile(p, target)
		require.NoError(t, err, text)
		require.Equal(t, raw, made.Raw, text)
	}
}

// TestViews_canBeReadInFull resolves every field of every view.
func TestViews_canBeReadInFull(t *testing.T) {
	target := testTarget(t)
	at := map[string]string{
		"sock": state, "tcp": state, "udp": "iter:udp", "skb": "event:kfree_skb", "task": "event:sched_process_exec", "packet": "tcx:ingress",
	}
	pointers := map[string]string{"sock": "sk", "tcp": "sk", "udp": "sk", "skb": "skb", "task": "p"}
	for _, v := range callable {
		for _, name := range v.fieldNames() {
			text := fmt.Sprintf("%s(%s).%s", v.name, pointers[v.name], name)
			if text == "skb(skb).sk" {
				text += " != null"
			}
			every(t, target, at[v.name], text)
		}
	}
	for _, name := range currentTaskView.fieldNames() {
		every(t, target, state, "task."+name)
	}
	for _, hook := range []string{"tcx:ingress", "cgroup:egress"} {
		for _, name := range packetView.fieldNames() {
			every(t, target, hook, "packet."+name)
		}
	}
	for _, hook := range []string{"cgroup:connect4", "cgroup:sendmsg6"} {
		for _, name := range addrView.fieldNames() {
			every(t, target, hook, "ctx."+name)
		}
	}
}

func every(t *testing.T, target Target, hook, text string) {
	t.Helper()
	p := hooked(hook)
	p.Emit = []spec.Named{column(text)}
	made, err := Compile(p, target)
	require.NoError(t, err, "%s %s", hook, text)
	require.False(t, made.Raw, text)
	sound(t, made.Hooks[0].Emit[0])
}
