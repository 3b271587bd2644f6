// SPDX-License-Identifier: Apache-2.0

package run

import (
	"context"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/netlink"
	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

// refusedConnects makes connects in a namespace to one port after the other, each as often as it says.
func refusedConnects(t testing.TB, n *netlink.Namespace, times map[uint16]int) (total uint64) {
	t.Helper()
	require.NoError(t, n.Do(func() error {
		for port, count := range times {
			for range count {
				c, err := net.DialTimeout("tcp", netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port).String(), time.Second)
				if err == nil {
					_ = c.Close()
				}
				total++
			}
		}
		return nil
	}))
	return total
}

// ofNamespace counts connects of one namespace by their port.
func ofNamespace(n *netlink.Namespace, more string) string {
	return `
  hook: {tp_btf: inet_sock_set_state}
  scope: {netns: "` + n.File().Name() + `"}
  where: newstate == TCP_SYN_SENT
  by: [sock(sk).dport]
  measure: {connects: count()}
` + more
}

// owned starts a probe whose scope is a namespace that has no name.
func owned(t testing.TB, n *netlink.Namespace, more string) *Probe {
	t.Helper()
	config := compile(t, ofNamespace(n, more))
	config.Owners = &fixed{Members{Owners: []uint64{uint64(ir.OwnerNetNS)<<ir.OwnerShift | uint64(n.Inode())}}}
	return begin(t, config)
}

// TestKeysFull: keys that find no room are counted together, and what is counted is all that was.
func TestKeysFull(t *testing.T) {
	n := newNamespace(t)
	p := owned(t, n, "  entries: 4\n")
	times := map[uint16]int{}
	for port := range uint16(12) {
		times[port+1] = 2
	}
	total := refusedConnects(t, n, times)
	counters, err := n.Counters()
	require.NoError(t, err)
	require.Equal(t, total, counters["TcpActiveOpens"])
	require.NoError(t, p.Close())
	s, err := p.Rows()
	require.NoError(t, err)
	require.Len(t, s.Rows, 4)
	require.NotNil(t, s.Other)
	sum := s.Other.Measures[0].Number
	for _, row := range s.Rows {
		require.EqualValues(t, 2, row.Measures[0].Number)
		sum += row.Measures[0].Number
	}
	require.Equal(t, counters["TcpActiveOpens"], sum)
	require.Equal(t, s.Other.Measures[0].Number, p.Status().Losses[ir.KeysFull])
}

// TestTop: of many more keys than there is room for, those with the most are found; each count is right up to its error, and the sum
// is all that was.
func TestTop(t *testing.T) {
	n := newNamespace(t)
	p := owned(t, n, "  entries: 64\n  top: {k: 3, by: connects}\n")
	truth := map[uint16]uint64{}
	var total uint64
	for round := range uint16(40) {
		times := map[uint16]int{7: 6, 9: 4, 13: 3}
		for port := range uint16(20) {
			times[1000+round*20+port] = 1
		}
		total += refusedConnects(t, n, times)
		for port, count := range times {
			truth[port] += uint64(count)
		}
		time.Sleep(10 * time.Millisecond)
	}
	require.NoError(t, p.Close())
	s, err := p.Rows()
	require.NoError(t, err)
	require.Len(t, s.Rows, 3)
	sum := s.Other.Measures[0].Number
	for i, port := range []uint16{7, 9, 13} {
		got := s.Rows[i].Measures[0]
		require.EqualValues(t, port, s.Rows[i].Keys[0].Number)
		require.LessOrEqual(t, got.Number, truth[port])
		require.GreaterOrEqual(t, got.Number+got.Error, truth[port])
		sum += got.Number
	}
	require.Equal(t, total, sum)
	t.Logf("%d keys known, %d found no room in time", s.Keys, p.Status().Losses[ir.KeysFull])
}

// TestEvents: every match is told, or counted among those that were not, by cause.
func TestEvents(t *testing.T) {
	for name, c := range map[string]struct {
		events string
		read   bool
		lost   ir.Loss
		atMost uint64
	}{
		"all":     {"10000/s", true, ir.Losses, 3000},
		"limited": {"10/s", true, ir.EventsLimited, 100},
		"unread":  {"10000/s", false, ir.EventsFull, 3000},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNamespace(t)
			p := owned(t, n, "  emit: [sock(sk).dport, stack()]\n  budget: {events: "+c.events+", cpu: 25%}\n")
			told := make(chan uint64, 1)
			if c.read {
				go func() {
					var count uint64
					for range p.Events() {
						count++
					}
					told <- count
				}()
			}
			refusedConnects(t, n, map[uint16]int{5: 3000})
			require.NoError(t, p.Close())
			if !c.read {
				var count uint64
				for range p.Events() {
					count++
				}
				told <- count
			}
			count, losses := <-told, p.Status().Losses
			require.LessOrEqual(t, count, c.atMost)
			require.EqualValues(t, 3000, count+losses[ir.EventsLimited]+losses[ir.EventsFull], "%v", losses)
			for cause := range ir.Losses {
				if cause != c.lost && cause != ir.StacksFull {
					require.Zero(t, losses[cause], "%s: %v", cause, losses)
				}
			}
			s, err := p.Rows()
			require.NoError(t, err)
			require.EqualValues(t, 3000, s.Rows[0].Measures[0].Number, "what is not told is counted all the same")
		})
	}
}

// TestEventTells: an event arrives while the probe runs, with the kernel's stack.
func TestEventTells(t *testing.T) {
	n := newNamespace(t)
	p := owned(t, n, "  emit: [sock(sk).daddr, stack(), pid]\n")
	refusedConnects(t, n, map[uint16]int{5: 1})
	select {
	case event := <-p.Events():
		require.EqualValues(t, 5, event.Keys[0].Number)
		address, ok := netip.AddrFromSlice(event.Emit[0].Wide)
		require.True(t, ok)
		require.Equal(t, "127.0.0.1", address.Unmap().String())
		require.EqualValues(t, os.Getpid(), event.Emit[2].Number)
		symbols, err := LoadSymbols()
		require.NoError(t, err)
		var names []string
		for _, frame := range p.Stack(event.Emit[1].Number) {
			names = append(names, symbols.Name(frame))
		}
		require.Contains(t, names, "tcp_v4_connect")
		require.NoError(t, p.Close())
		require.NotEmpty(t, p.Stack(event.Emit[1].Number), "it can be asked for after the end")
	case <-time.After(patience):
		t.Fatal("no event")
	}
}

// TestPairsAreSwept: starts without an end make room again.
func TestPairsAreSwept(t *testing.T) {
	n := newNamespace(t)
	config := compile(t, `
  hook: {tp_btf: tcp_send_reset}
  pair:
    start: {hook: {tp_btf: inet_sock_set_state}, where: newstate == TCP_SYN_SENT, key: sock(sk).dport}
    key: int(cpu)
    entries: 16
    longest: 100ms
  scope: {workload: anybody}
  measure: {never: count()}
`)
	config.Owners = &fixed{Members{Owners: []uint64{uint64(ir.OwnerNetNS)<<ir.OwnerShift | uint64(n.Inode())}}}
	p := begin(t, config)
	times := map[uint16]int{}
	for port := range uint16(32) {
		times[port+100] = 1
	}
	refusedConnects(t, n, times)
	require.Positive(t, p.Status().Losses[ir.PairsFull])
	testkit.Eventually(t, patience, func() string {
		left := 0
		require.NoError(t, eachEntry(p.loaded.Maps["pairs"], func([]byte, [][]byte) error { left++; return nil }))
		if left > 0 {
			return "starts are still waiting"
		}
		return ""
	})
}

// TestVerifierSaysNo: what the verifier does not let be read directly is read by helpers, and that is said; where that cannot
// be tried, the refusal names the expression.
func TestVerifierSaysNo(t *testing.T) {
	n := newNamespace(t)
	config := compile(t, ofNamespace(n, ""))
	config.Owners = &fixed{Members{Owners: []uint64{uint64(ir.OwnerNetNS)<<ir.OwnerShift | uint64(n.Inode())}}}
	key := config.Compiled.Resolved.Hooks[0].Keys[0]
	far := &ir.Expr{
		Op: ir.OpLoad, Type: ir.Type{Kind: ir.Uint}, Pos: key.Pos, Load: ir.Load{Offset: 1 << 20, Size: 8},
		Args: []*ir.Expr{{Op: ir.OpContext, Type: ir.Type{Kind: ir.Pointer, Struct: "sock", Direct: true}, Load: ir.Load{Size: 8}}},
	}
	resolved := *config.Compiled.Resolved
	resolved.Hooks = append([]ir.Hook{}, resolved.Hooks...)
	resolved.Hooks[0].Keys = []*ir.Expr{far}
	compiled := *config.Compiled
	compiled.Resolved = &resolved
	compiled.Object = generate(t, &resolved, config)
	refused := config
	refused.Compiled = &compiled
	refused.Target.Lang.Kernel = nil
	_, err := Start(context.Background(), refused)
	var refusal *Refusal
	require.ErrorAs(t, err, &refusal)
	require.Equal(t, "spec.by[0]", refusal.Problem.Field)
	require.Contains(t, refusal.Problem.Message, "access beyond struct sock")
	require.Equal(t, "sock(sk).dport", refusal.meant())
	require.NotZero(t, refusal.Problem.Line)
	t.Log(refusal.Explain())

	refused.Target = config.Target
	p := begin(t, refused)
	require.Len(t, p.Status().Notes, 1)
	require.Contains(t, p.Status().Notes[0], "it reads by helpers")
	refusedConnects(t, n, map[uint16]int{5: 3})
	require.Positive(t, p.Status().Cost.Runs)
}
