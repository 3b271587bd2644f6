// SPDX-License-Identifier: Apache-2.0

package engine_test

import (
	"fmt"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/controller/engine"
	"github.com/aeolus-ebpf/aeolus/internal/graph"
	"github.com/aeolus-ebpf/aeolus/internal/loss"
	"github.com/aeolus-ebpf/aeolus/internal/model"
	"github.com/aeolus-ebpf/aeolus/internal/reduce"
)

var begin = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

type bench struct {
	*engine.Engine
	ledger *loss.Ledger
	now    time.Time
}

func newBench(config engine.Config) *bench {
	b := &bench{ledger: loss.NewLedger(), now: begin}
	config.Ledger, config.Now = b.ledger, func() time.Time { return b.now }
	b.Engine = engine.New(config)
	return b
}

func (b *bench) pass(d time.Duration) {
	for end := b.now.Add(d); b.now.Before(end); {
		b.now = b.now.Add(250 * time.Millisecond)
		b.Tick()
	}
}

func who(name string, netns uint32) *model.Endpoint {
	return &model.Endpoint{Workload: name, Kind: model.KindContainer, Node: "n1", NetNS: netns}
}

// flood makes rows of connections that ended, between workloads and from addresses that all are new.
func flood(round, rows int, at time.Time) *model.Batch {
	batch := &model.Batch{Node: "n1", AgentID: "a", Sequence: uint64(round + 1), Taken: at}
	for i := range rows {
		n := round*rows + i
		from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{20, byte(n >> 16), byte(n >> 8), byte(n)}), 40000)
		to := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)}), 80)
		batch.Flows = append(batch.Flows, model.Flow{
			Cookie: uint64(n + 1), Endpoint: who(fmt.Sprintf("w%d", n), uint32(n+1)), Local: to, Remote: from, Role: model.RoleServer,
			Established: true, Closed: true, Start: at, End: at, Delta: model.Counters{ReceivedBytes: 1},
		})
	}
	return batch
}

// TestEngine_floodOfEdges feeds far more workloads, addresses and edges than are kept: totals stay exact.
func TestEngine_floodOfEdges(t *testing.T) {
	b := newBench(engine.Config{
		Graph:  graph.Config{MaxNodes: 500, MaxEdges: 800, MaxClosed: 100, MaxOpen: 100},
		Reduce: reduce.Config{MaxPlaces: 1000, MaxHalves: 3000},
	})
	const rounds, rows = 20, 1000
	for round := range rounds {
		b.ApplyBatch(flood(round, rows, b.now))
		b.pass(time.Second)
	}
	b.pass(10 * time.Second)
	b.Read(func(v engine.View) {
		require.LessOrEqual(t, len(v.Graph.Nodes()), 502)
		require.LessOrEqual(t, len(v.Graph.Edges()), 801)
		established := uint64(0)
		for _, e := range v.Graph.Edges() {
			for _, second := range e.Seconds(0, 1<<60) {
				established += uint64(second.Established)
			}
			require.Zero(t, e.Open)
		}
		require.EqualValues(t, rounds*rows, established, "nothing is missing from the totals")
		listed := 0
		v.Graph.Connections.Each(true, func(*graph.Connection) bool { listed++; return true })
		require.LessOrEqual(t, listed, 200)
	})
	b.pass(11 * time.Minute)
	b.Read(func(v engine.View) { require.Empty(t, v.Graph.Edges(), "all is forgotten in the end") })
}

// TestEngine_memoryIsBounded feeds for long what is new all the time, and looks at the heap.
func TestEngine_memoryIsBounded(t *testing.T) {
	b := newBench(engine.Config{})
	heap := func() uint64 {
		runtime.GC()
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		return stats.HeapAlloc
	}
	for round := range 60 {
		b.ApplyBatch(flood(round, 1000, b.now))
		b.pass(time.Second)
	}
	before := heap()
	for round := range 60 {
		b.ApplyBatch(flood(60+round, 1000, b.now))
		b.pass(time.Second)
	}
	after := heap()
	require.Less(t, after, before+before/4+(16<<20), "it has grown from %d to %d bytes", before, after)
	runtime.KeepAlive(b)
}

func TestEngine_eventsWaitForTheAddressBook(t *testing.T) {
	b := newBench(engine.Config{})
	payment := who("payment", 2)
	event := model.Event{
		ID: "a-1", Kind: model.EventRefused, Node: "n1", Time: b.now, Role: model.RoleClient, Endpoint: who("checkout", 1),
		Local: netip.MustParseAddrPort("10.0.0.1:40000"), Remote: netip.MustParseAddrPort("10.0.0.2:80"),
	}
	b.ApplyEvents([]model.Event{event})
	b.Read(func(v engine.View) { require.Empty(t, v.Graph.Edges(), "nobody has said yet who that is") })
	b.ApplyBatch(&model.Batch{Node: "n1", AgentID: "a", Taken: b.now, Addresses: []model.AddressOwner{
		{Address: netip.MustParseAddr("10.0.0.2"), NetNS: 2, Endpoint: payment},
	}})
	check := func(v engine.View) {
		require.Len(t, v.Graph.Edges(), 1)
		require.Len(t, v.Open(), 1)
		for _, a := range v.Open() {
			require.Contains(t, a.Summary, "payment refuses 100 % of checkout's connects since ")
		}
	}
	b.Read(check)
	b.ApplyEvents([]model.Event{event})
	b.Read(check)
	for _, count := range b.ledger.Counts() {
		if count.Stage == "events" {
			require.EqualValues(t, map[string]uint64{"duplicate": 1}, count.Dropped)
			require.EqualValues(t, 2, count.In)
			require.EqualValues(t, 1, count.Out)
		}
	}
}

// TestEngine_eventsOfTwoNodesAreTwo though they have the same id: an agent must not silence another.
func TestEngine_eventsOfTwoNodesAreTwo(t *testing.T) {
	b := newBench(engine.Config{})
	for _, node := range []string{"n2", "n1"} {
		b.ApplyBatch(&model.Batch{Node: node, AgentID: node, Taken: b.now})
		b.ApplyEvents([]model.Event{{
			ID: "a-1", Kind: model.EventRefused, Node: node, Time: b.now, Role: model.RoleClient, Endpoint: who("on-"+node, 1),
			Local: netip.MustParseAddrPort("10.0.0.1:40000"), Remote: netip.MustParseAddrPort("192.0.2.1:80"),
		}})
	}
	b.pass(time.Second)
	b.Read(func(v engine.View) { require.Len(t, v.Graph.Edges(), 2) })
}

// TestEngine_eventsOfAClockAhead are taken for what happens now, as rows are.
func TestEngine_eventsOfAClockAhead(t *testing.T) {
	for _, off := range []time.Duration{2 * time.Second, time.Hour, 100000 * time.Hour} {
		b := newBench(engine.Config{})
		b.ApplyBatch(&model.Batch{Node: "n1", AgentID: "n1", Taken: b.now})
		b.ApplyEvents([]model.Event{{
			ID: "a-1", Kind: model.EventRefused, Node: "n1", Time: b.now.Add(off), Role: model.RoleClient, Endpoint: who("a", 1),
			Local: netip.MustParseAddrPort("10.0.0.1:40000"), Remote: netip.MustParseAddrPort("192.0.2.1:80"),
		}})
		b.pass(time.Second)
		b.Read(func(v engine.View) {
			require.Len(t, v.Open(), 1)
			for _, a := range v.Open() {
				require.WithinDuration(t, b.now, a.Since, 5*time.Second, off)
				require.Less(t, a.Detection, 5*time.Second, off)
				require.Contains(t, a.Summary, "refuses 100 %", off)
			}
		})
	}
}

func TestEngine_newEdgesAreEventsOnceLearned(t *testing.T) {
	b := newBench(engine.Config{})
	b.ApplyBatch(flood(0, 1, b.now))
	b.pass(61 * time.Second)
	b.ApplyBatch(flood(1, 1, b.now))
	b.pass(3 * time.Second)
	b.Read(func(v engine.View) {
		var kinds []model.EventKind
		v.Events(func(e *engine.Event) bool { kinds = append(kinds, e.Kind); return true })
		require.Equal(t, []model.EventKind{model.EventNewEdge}, kinds)
		require.Empty(t, v.Open(), "it is an anomaly only when asked for")
	})
}

// TestEngine_ownTrafficIsApart keeps Aeolus' own connections on edges of their own.
func TestEngine_ownTrafficIsApart(t *testing.T) {
	b := newBench(engine.Config{})
	batch := flood(0, 2, b.now)
	batch.Flows[1].Endpoint, batch.Flows[1].Remote = batch.Flows[0].Endpoint, batch.Flows[0].Remote
	batch.Flows[1].Own = true
	batch.Flows[1].Local = batch.Flows[0].Local
	b.ApplyBatch(batch)
	b.pass(3 * time.Second)
	b.Read(func(v engine.View) {
		own := map[bool]int{}
		for _, e := range v.Graph.Edges() {
			own[e.Own]++
		}
		require.Equal(t, map[bool]int{true: 1, false: 1}, own)
	})
}

// BenchmarkApply is the price of one row: both halves of short connections between known workloads.
func BenchmarkApply(b *testing.B) {
	const rows = 2000
	var endpoints []*model.Endpoint
	for i := range 50 {
		endpoints = append(endpoints, who(fmt.Sprintf("w%d", i), uint32(i+1)))
	}
	state := newBench(engine.Config{})
	cookie := uint64(0)
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		batch := &model.Batch{Node: "n1", AgentID: "a", Sequence: uint64(n + 1), Taken: state.now}
		for i := 0; i < rows; i += 2 {
			from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(1 + i%50)}), uint16(20000+(n*rows+i)%40000))
			to := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(1 + (i/2)%50)}), 80)
			cookie += 2
			flow := model.Flow{Established: true, Closed: true, Start: state.now, End: state.now, Delta: model.Counters{SentBytes: 5, SentSegments: 3}}
			client, server := flow, flow
			client.Cookie, client.Endpoint, client.Local, client.Remote, client.Role = cookie, endpoints[i%50], from, to, model.RoleClient
			client.Opened = true
			server.Cookie, server.Endpoint, server.Local, server.Remote, server.Role = cookie+1, endpoints[(i/2)%50], to, from, model.RoleServer
			batch.Flows = append(batch.Flows, client, server)
		}
		state.ApplyBatch(batch)
		state.now = state.now.Add(time.Second)
		state.Tick()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/row")
}
