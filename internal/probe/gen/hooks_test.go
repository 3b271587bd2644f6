// SPDX-License-Identifier: Apache-2.0

package gen_test

import (
	"io"
	"net"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/link"
	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/kernel/meter"
	"github.com/aeolus-ebpf/aeolus/internal/probe/gen"
	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

// place finds a member of a struct of this kernel, through structs and unions without names.
func place(t *testing.T, structure, path string) (off int) {
	t.Helper()
	kernel, err := btf.LoadKernelSpec()
	require.NoError(t, err)
	var found *btf.Struct
	require.NoError(t, kernel.TypeByName(structure, &found))
	members := found.Members
	for name := range strings.SplitSeq(path, ".") {
		at, of, ok := member(members, name)
		require.True(t, ok, "%s in %s", name, structure)
		off += at
		members = of
	}
	return off
}

func member(members []btf.Member, name string) (off int, of []btf.Member, ok bool) {
	for _, m := range members {
		var inner []btf.Member
		switch t := btf.UnderlyingType(m.Type).(type) {
		case *btf.Struct:
			inner = t.Members
		case *btf.Union:
			inner = t.Members
		}
		if m.Name == name {
			return int(m.Offset.Bytes()), inner, true
		}
		if m.Name != "" {
			continue
		}
		if at, of, ok := member(inner, name); ok {
			return int(m.Offset.Bytes()) + at, of, true
		}
	}
	return 0, nil, false
}

func directTo(structure string) ir.Type {
	return ir.Type{Kind: ir.Pointer, Struct: structure, Direct: true}
}

// simple is a probe of one hook that counts by a key and emits it.
func simple(hook ir.Hook, key *ir.Expr) *ir.Probe {
	hook.Keys, hook.Measures, hook.Emit = []*ir.Expr{key}, []*ir.Expr{nil}, []*ir.Expr{key}
	return &ir.Probe{Name: "simple", Hooks: []ir.Hook{hook}, Keys: []ir.Field{{Name: "key", Type: key.Type}},
		Measures: []ir.Measure{{Name: "n", Kind: ir.Count}}, Emit: []ir.Field{{Name: "key", Type: key.Type}}, Entries: 64}
}

func TestHooks(t *testing.T) {
	testkit.RequireRoot(t)
	packet := &ir.Expr{Op: ir.OpPacket, Type: typeOf(ir.Int), Args: []*ir.Expr{number(ir.Uint, 0)}, Load: ir.Load{Offset: 12, Size: 2, BigEndian: true}}
	record := &ir.Expr{Op: ir.OpRecord, Type: ir.Type{Kind: ir.Pointer}}
	length := &ir.Expr{Op: ir.OpContext, Type: typeOf(ir.Int), Load: ir.Load{Size: 4}}
	remote := &ir.Expr{Op: ir.OpContext, Type: typeOf(ir.IP), Load: ir.Load{Offset: 4, Size: 4}}
	remote6 := &ir.Expr{Op: ir.OpContext, Type: typeOf(ir.IP), Load: ir.Load{Offset: 8, Size: 16}}
	walked := &ir.Expr{Op: ir.OpContext, Type: directTo("sock_common"), Load: ir.Load{Offset: 8, Size: 8}}
	task := &ir.Expr{Op: ir.OpContext, Type: directTo("task_struct"), Load: ir.Load{Offset: 8, Size: 8}}
	register := &ir.Expr{Op: ir.OpContext, Type: typeOf(ir.Uint), Load: ir.Load{Offset: 112, Size: 8}}
	for _, c := range []struct {
		hook ir.Hook
		key  *ir.Expr
	}{
		{ir.Hook{Kind: ir.Tracepoint, Target: "sock/inet_sock_set_state"}, &ir.Expr{Op: ir.OpContext, Type: typeOf(ir.Int), Load: ir.Load{Offset: 16, Size: 4, Signed: true}}},
		{ir.Hook{Kind: ir.Tracepoint, Target: "sock/inet_sock_set_state"}, load(text(8), record, ir.Load{Offset: 8, Size: 8})},
		{ir.Hook{Kind: ir.Tracepoint, Target: "sched/sched_process_exec"}, &ir.Expr{Op: ir.OpContext, Type: text(16), Load: ir.Load{Offset: 8, Size: 16}}},
		{ir.Hook{Kind: ir.TCX, Direction: "ingress"}, packet},
		{ir.Hook{Kind: ir.TCX, Direction: "egress"}, length},
		{ir.Hook{Kind: ir.Cgroup, Target: "ingress"}, packet},
		{ir.Hook{Kind: ir.Cgroup, Target: "egress"}, length},
		{ir.Hook{Kind: ir.Cgroup, Target: "connect4"}, remote},
		{ir.Hook{Kind: ir.Cgroup, Target: "connect6"}, remote6},
		{ir.Hook{Kind: ir.Cgroup, Target: "sendmsg4"}, remote},
		{ir.Hook{Kind: ir.Iterator, Target: "tcp"}, load(typeOf(ir.Int), walked, ir.Load{Offset: socketNum, Size: 2})},
		{ir.Hook{Kind: ir.Iterator, Target: "task"}, load(typeOf(ir.Int), task, ir.Load{Offset: place(t, "task_struct", "pid"), Size: 4, Signed: true})},
		{ir.Hook{Kind: ir.Uprobe, Target: "main"}, register},
		{ir.Hook{Kind: ir.Uretprobe, Target: "main"}, register},
		{ir.Hook{Kind: ir.Kprobe, Target: "tcp_close"}, register},
	} {
		t.Run(c.hook.Kind.String()+" "+c.hook.Target, func(t *testing.T) {
			load1(t, simple(c.hook, c.key), modern)
			load1(t, simple(c.hook, c.key), gen.Features{})
		})
	}
}

// TestTaskEverywhere follows a pointer of the running task in hooks of each kind.
func TestTaskEverywhere(t *testing.T) {
	testkit.RequireRoot(t)
	current := &ir.Expr{Op: ir.OpTask, Type: directTo("task_struct")}
	parent := load(directTo("task_struct"), current, ir.Load{Offset: place(t, "task_struct", "real_parent"), Size: 8})
	id := load(typeOf(ir.Int), parent, ir.Load{Offset: place(t, "task_struct", "tgid"), Size: 4, Signed: true})
	for _, hook := range []ir.Hook{
		{Kind: ir.RawTracepoint, Target: "sys_enter"}, {Kind: ir.Tracepoint, Target: "sock/inet_sock_set_state"}, {Kind: ir.Kprobe, Target: "tcp_close"},
		{Kind: ir.TCX, Direction: "egress"}, {Kind: ir.Cgroup, Target: "connect4"}, {Kind: ir.Cgroup, Target: "egress"}, {Kind: ir.Iterator, Target: "tcp"},
	} {
		for _, e := range []*ir.Expr{id, op(ir.OpPID, ir.Int), {Op: ir.OpComm, Type: text(16)}, op(ir.OpCgroup, ir.Uint)} {
			t.Run(hook.Kind.String()+" "+hook.Target+" "+e.Op.String(), func(t *testing.T) {
				load1(t, simple(hook, e), modern)
				load1(t, simple(hook, e), gen.Features{})
			})
		}
	}
}

// TestWalk counts the listening sockets of a port by an iterator, whose last run has no socket.
func TestWalk(t *testing.T) {
	testkit.RequireRoot(t)
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	sk := &ir.Expr{Op: ir.OpContext, Type: directTo("sock_common"), Load: ir.Load{Offset: 8, Size: 8}}
	probe := simple(ir.Hook{Kind: ir.Iterator, Target: "tcp"}, load(typeOf(ir.Int), sk, ir.Load{Offset: socketNum, Size: 2}))
	r := load1(t, probe, modern)
	iterator, err := link.AttachIter(link.IterOptions{Program: r.Programs["hook0"]})
	require.NoError(t, err)
	defer iterator.Close()
	walk, err := iterator.Open()
	require.NoError(t, err)
	_, err = io.ReadAll(walk)
	require.NoError(t, err)
	require.NoError(t, walk.Close())
	count := uint64(0)
	for _, row := range r.rows(t) {
		if row.Keys[0].Number == uint64(listener.Addr().(*net.TCPAddr).Port) {
			count = row.Measures[0].Number
		}
	}
	require.EqualValues(t, 1, count)
	require.Zero(t, r.losses(t)[ir.ReadFailed])
}

// TestAround loads what does not come from the context.
func TestAround(t *testing.T) {
	testkit.RequireRoot(t)
	current := &ir.Expr{Op: ir.OpTask, Type: directTo("task_struct")}
	parent := load(directTo("task_struct"), current, ir.Load{Offset: place(t, "task_struct", "real_parent"), Size: 8})
	group := load(directTo("css_set"), current, ir.Load{Offset: place(t, "task_struct", "cgroups"), Size: 8})
	group = load(directTo("cgroup"), group, ir.Load{Offset: place(t, "css_set", "dfl_cgrp"), Size: 8})
	group = load(directTo("kernfs_node"), group, ir.Load{Offset: place(t, "cgroup", "kn"), Size: 8})
	hook, sk, _ := stateHook(ir.BTFTracepoint)
	full := op(ir.OpNe, ir.Bool, load(typeOf(ir.Int), sk, ir.Load{Offset: place(t, "sock_common", "skc_state"), Size: 1}), number(ir.Int, 12))
	tcp := &ir.Expr{Op: ir.OpCast, Type: directTo("tcp_sock"), Args: []*ir.Expr{sk, full}}
	inet := &ir.Expr{Op: ir.OpCast, Type: directTo("inet_sock"), Args: []*ir.Expr{sk}}
	for name, e := range map[string]*ir.Expr{
		"tid of the parent": load(typeOf(ir.Int), parent, ir.Load{Offset: place(t, "task_struct", "pid"), Size: 4}),
		"parent's name":     load(text(16), parent, ir.Load{Offset: place(t, "task_struct", "comm"), Size: 16}),
		"cgroup":            load(typeOf(ir.Uint), group, ir.Load{Offset: place(t, "kernfs_node", "id"), Size: 8}),
		"rtt":               load(typeOf(ir.Uint), tcp, ir.Load{Offset: place(t, "tcp_sock", "srtt_us"), Size: 4}),
		"state of tcp":      load(typeOf(ir.Uint), &ir.Expr{Op: ir.OpCast, Type: directTo("sock"), Args: []*ir.Expr{tcp}}, ir.Load{Offset: socketNum, Size: 2}),
		"port of inet":      load(typeOf(ir.Uint), inet, ir.Load{Offset: place(t, "inet_sock", "inet_sport"), Size: 2, BigEndian: true}),
		"pid":               op(ir.OpPID, ir.Int), "tid": op(ir.OpTID, ir.Int), "cpu": op(ir.OpCPU, ir.Int), "now": op(ir.OpNow, ir.Duration),
		"comm":       {Op: ir.OpComm, Type: text(16)},
		"own cgroup": op(ir.OpCgroup, ir.Uint), "random": op(ir.OpRandom, ir.Uint),
		"stack": op(ir.OpStack, ir.Uint), "user stack": op(ir.OpUserStack, ir.Uint),
		"socket": sk, "socket as a number": op(ir.OpMul, ir.Uint, op(ir.OpConvert, ir.Uint, sk), number(ir.Uint, 3)),
		"scoped":      op(ir.OpScoped, ir.Bool, op(ir.OpCgroup, ir.Uint)),
		"user string": {Op: ir.OpUserString, Type: text(16), Args: []*ir.Expr{op(ir.OpCgroup, ir.Uint)}},
	} {
		t.Run(name, func(t *testing.T) {
			probe := simple(hook, e)
			probe.Stacks = 16
			load1(t, probe, modern)
			load1(t, probe, gen.Features{})
			probe = simple(hook, e)
			probe.Measures = []ir.Measure{{Name: "different", Kind: ir.Distinct, Type: e.Type, Precision: 6}}
			probe.Hooks[0].Measures = []*ir.Expr{e}
			load1(t, probe, modern)
		})
	}
}

// TestSwitch spends the budget of a probe, and sees that it is off.
func TestSwitch(t *testing.T) {
	testkit.RequireRoot(t)
	probe := measured(ir.Int, 1)
	probe.Emit = []ir.Field{{Name: "value", Type: typeOf(ir.Int)}}
	probe.Hooks[0].Emit = []*ir.Expr{probe.Hooks[0].Measures[2]}
	probe.Budget = ir.Budget{CPU: 1, Events: 5}
	r := load1(t, probe, modern)
	run := func() {
		_, err := r.Programs["hook0"].Run(&ebpf.RunOptions{Context: make([]byte, 96)})
		require.NoError(t, err)
	}
	var control gen.Control
	for range 10_000 {
		for range 1000 {
			run()
		}
		if require.NoError(t, r.Maps[gen.MapControl].Lookup(uint32(0), &control)); control.Off != 0 {
			break
		}
	}
	require.EqualValues(t, gen.OffCPU, control.Off)
	require.NotZero(t, control.At)
	require.NotZero(t, r.losses(t)[ir.EventsLimited])
	before := r.losses(t)[ir.SwitchedOff]
	run()
	require.Equal(t, before+1, r.losses(t)[ir.SwitchedOff])
	readings, err := meter.Read(r.Maps[gen.MapMeters], 1)
	require.NoError(t, err)
	require.Greater(t, readings[0].Runs, uint64(1000))
	require.NotZero(t, readings[0].Time)
}

// TestSampling draws one run in four.
func TestSampling(t *testing.T) {
	testkit.RequireRoot(t)
	probe := measured(ir.Int, 1)
	probe.SampleOneIn = 4
	r := load1(t, probe, modern)
	for range 4000 {
		_, err := r.Programs["hook0"].Run(&ebpf.RunOptions{Context: make([]byte, 96)})
		require.NoError(t, err)
	}
	require.InDelta(t, 1000, r.rows(t)[0].Measures[0].Number, 250)
}
