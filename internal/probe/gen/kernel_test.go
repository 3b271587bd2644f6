// SPDX-License-Identifier: Apache-2.0

package gen_test

import (
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/ringbuf"
	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/probe/gen"
	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

// modern is what this kernel can do.
var modern = gen.Features{Atomics: true, SignedOps: true, SocketCast: true, TaskPointer: true}

// Members of struct sock_common, at the same place in all kernels of the last years.
const (
	socketDaddr  = 0
	socketDport  = 12
	socketNum    = 14
	socketFamily = 16
)

// stateHook is the tracepoint of a socket's change of state: (sk, oldstate, newstate).
func stateHook(kind ir.HookKind) (hook ir.Hook, sk, newState *ir.Expr) {
	direct := kind == ir.BTFTracepoint
	sk = &ir.Expr{Op: ir.OpContext, Type: ir.Type{Kind: ir.Pointer, Struct: "sock", Direct: direct}, Load: ir.Load{Size: 8}}
	newState = &ir.Expr{Op: ir.OpContext, Type: typeOf(ir.Int), Load: ir.Load{Offset: 16, Size: 4, Signed: true}}
	return ir.Hook{Kind: kind, Target: "inet_sock_set_state"}, sk, newState
}

// running is a probe in the kernel.
type running struct {
	*ebpf.Collection
	object *gen.Object
}

func load1(t *testing.T, probe *ir.Probe, features gen.Features) running {
	t.Helper()
	cpus, err := ebpf.PossibleCPU()
	require.NoError(t, err)
	object, err := gen.Generate(probe, gen.Options{Features: features, CPUs: cpus})
	require.NoError(t, err)
	collection, err := ebpf.NewCollection(object.Spec)
	if err != nil {
		t.Fatalf("%+v", err)
	}
	t.Cleanup(collection.Close)
	return running{collection, object}
}

func (r running) attach(t *testing.T, probe *ir.Probe) {
	t.Helper()
	for _, p := range r.object.Programs {
		hook := &probe.Hooks[p.Hook]
		if p.Start {
			hook = &probe.Pair.Starts[p.Hook]
		}
		var (
			made link.Link
			err  error
		)
		switch hook.Kind {
		case ir.BTFTracepoint:
			made, err = link.AttachTracing(link.TracingOptions{Program: r.Programs[p.Name], AttachType: ebpf.AttachTraceRawTp})
		case ir.RawTracepoint:
			made, err = link.AttachRawTracepoint(link.RawTracepointOptions{Name: hook.Target, Program: r.Programs[p.Name]})
		default:
			t.Fatalf("attaching to %s", hook.Kind)
		}
		require.NoError(t, err)
		t.Cleanup(func() { _ = made.Close() })
	}
}

func (r running) rows(t *testing.T) []ir.Row {
	t.Helper()
	var (
		list   []ir.Row
		key    []byte
		values [][]byte
	)
	if r.Maps[gen.MapRows] == nil {
		return []ir.Row{}
	}
	entries := r.Maps[gen.MapRows].Iterate()
	for entries.Next(&key, &values) {
		row, err := r.object.Layout.Row(key, values...)
		require.NoError(t, err)
		list = append(list, row)
	}
	require.NoError(t, entries.Err())
	return list
}

func (r running) losses(t *testing.T) [ir.Losses]uint64 {
	t.Helper()
	var values [][]byte
	require.NoError(t, r.Maps[gen.MapLosses].Lookup(uint32(0), &values))
	return r.object.Layout.Losses(values)
}

func (r running) events(t *testing.T, want int) []ir.Event {
	t.Helper()
	reader, err := ringbuf.NewReader(r.Maps[gen.MapEvents])
	require.NoError(t, err)
	defer reader.Close()
	var list []ir.Event
	for range want {
		reader.SetDeadline(time.Now().Add(2 * time.Second))
		record, err := reader.Read()
		require.NoError(t, err)
		event, err := r.object.Layout.Event(record.RawSample)
		require.NoError(t, err)
		list = append(list, event)
	}
	return list
}

// connections opens and closes connections to a port of its own, and returns the port.
func connections(t *testing.T, count int) int {
	t.Helper()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	for range count {
		client, err := net.Dial("tcp4", listener.Addr().String())
		require.NoError(t, err)
		server, err := listener.Accept()
		require.NoError(t, err)
		_ = client.Close()
		_ = server.Close()
	}
	return listener.Addr().(*net.TCPAddr).Port
}

// established counts the connections to ports, at the client's end, by address and port.
func established(kind ir.HookKind) *ir.Probe {
	hook, sk, newState := stateHook(kind)
	port := load(ir.Type{Kind: ir.Int, Hint: ir.Port}, sk, ir.Load{Offset: socketDport, Size: 2, BigEndian: true})
	address := load(typeOf(ir.IP), sk, ir.Load{Offset: socketDaddr, Size: 4})
	own := load(typeOf(ir.Int), sk, ir.Load{Offset: socketNum, Size: 2})
	hook.Where = op(ir.OpAnd, ir.Bool, op(ir.OpEq, ir.Bool, newState, number(ir.Int, 1)),
		op(ir.OpEq, ir.Bool, load(typeOf(ir.Int), sk, ir.Load{Offset: socketFamily, Size: 2}), number(ir.Int, 2)))
	hook.Keys = []*ir.Expr{address, port}
	hook.Measures = []*ir.Expr{nil, own}
	hook.Emit = []*ir.Expr{own, address}
	return &ir.Probe{Name: "established", Hooks: []ir.Hook{hook},
		Keys:     []ir.Field{{Name: "daddr", Type: typeOf(ir.IP)}, {Name: "dport", Type: typeOf(ir.Int)}},
		Measures: []ir.Measure{{Name: "connections", Kind: ir.Count}, {Name: "ports", Kind: ir.Sum, Type: typeOf(ir.Int)}},
		Emit:     []ir.Field{{Name: "own", Type: typeOf(ir.Int)}, {Name: "to", Type: typeOf(ir.IP)}},
		Entries:  100,
	}
}

func TestEstablished(t *testing.T) {
	testkit.RequireRoot(t)
	for _, kind := range []ir.HookKind{ir.BTFTracepoint, ir.RawTracepoint} {
		probe := established(kind)
		r := load1(t, probe, modern)
		r.attach(t, probe)
		port := connections(t, 5)
		found := false
		for _, row := range r.rows(t) {
			if row.Keys[1].Number != uint64(port) {
				continue
			}
			found = true
			require.Equal(t, net.IPv4(127, 0, 0, 1).To16(), net.IP(row.Keys[0].Wide))
			require.Equal(t, uint64(5), row.Measures[0].Number)
			require.Greater(t, row.Measures[1].Number, uint64(5*1024))
		}
		require.True(t, found, "%v", r.rows(t))
		events := r.events(t, 5)
		require.Equal(t, net.IPv4(127, 0, 0, 1).To16(), net.IP(events[0].Emit[1].Wide))
		require.Zero(t, r.losses(t))
	}
}

// TestOwnName reads the name of the thread that opens connections, which is this one's.
func TestOwnName(t *testing.T) {
	testkit.RequireRoot(t)
	hook, _, _ := stateHook(ir.BTFTracepoint)
	probe := simple(hook, &ir.Expr{Op: ir.OpComm, Type: text(16)})
	r := load1(t, probe, modern)
	r.attach(t, probe)
	connections(t, 3)
	own, err := os.ReadFile("/proc/self/comm")
	require.NoError(t, err)
	want := make([]byte, 16)
	copy(want, strings.TrimSpace(string(own)))
	found := false
	for _, row := range r.rows(t) {
		found = found || string(row.Keys[0].Wide) == string(want)
	}
	require.True(t, found, "%q in %v", want, r.rows(t))
}
