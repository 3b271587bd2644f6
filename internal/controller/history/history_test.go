// SPDX-License-Identifier: Apache-2.0

package history_test

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/controller/engine"
	"github.com/aeolus-ebpf/aeolus/internal/controller/history"
	"github.com/aeolus-ebpf/aeolus/internal/controller/store/archive"
	"github.com/aeolus-ebpf/aeolus/internal/graph"
	"github.com/aeolus-ebpf/aeolus/internal/loss"
	"github.com/aeolus-ebpf/aeolus/internal/model"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

// list keeps rows in memory.
type list struct {
	mu        sync.Mutex
	edges     []archive.Edge
	instances []archive.Instance
	flows     []archive.Flow
	events    []archive.Event
}

func (l *list) AddEdges(rows []archive.Edge) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.edges = append(l.edges, rows...)
}

func (l *list) AddInstances(rows []archive.Instance) { l.instances = append(l.instances, rows...) }
func (l *list) AddFlows(rows []archive.Flow)         { l.flows = append(l.flows, rows...) }
func (l *list) AddEvents(rows []archive.Event)       { l.events = append(l.events, rows...) }

var begin = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func newGraph() (*graph.Graph, *graph.Edge) {
	g := graph.New(graph.Config{}, nil)
	node := func(name string) *graph.Node {
		return g.Workload(&model.Endpoint{Workload: name, Node: "n1"}, netip.Addr{}, begin)
	}
	return g, g.Edge(node("a"), node("b"), false, begin)
}

func TestRecorder_stretches(t *testing.T) {
	sink := new(list)
	r := history.New(history.Config{Sink: sink, Ledger: loss.NewLedger()})
	g, edge := newGraph()
	r.Begin(g, begin)
	for second := range 25 {
		now := begin.Add(time.Duration(second) * time.Second)
		g.Add(edge, now, &graph.Delta{Bucket: graph.Bucket{Opens: 1}, OpenBy: 1})
		r.Tick(g, now)
	}
	r.End(g, begin.Add(25*time.Second))
	r.Flush()
	var seen []string
	for _, row := range sink.edges {
		seen = append(seen, fmt.Sprintf("%s %s %d %d", row.From.Format("04:05"), row.Length, row.Opens, row.Open))
	}
	require.Equal(t, []string{"04:05 5s 5 5", "04:10 10s 10 15", "04:20 12s 10 25"}, seen, "each second in one row; what is under way at the end too")
	require.Len(t, sink.instances, 2, "each instance once a minute")
}

// TestRecorder_clockGoesBack counts everything once nevertheless.
func TestRecorder_clockGoesBack(t *testing.T) {
	sink := new(list)
	r := history.New(history.Config{Sink: sink, Ledger: loss.NewLedger()})
	g, edge := newGraph()
	r.Begin(g, begin)
	now, total := begin, uint32(0)
	for i := range 200 {
		now = now.Add(time.Second)
		if i == 100 {
			now = now.Add(-time.Hour)
		}
		if i == 150 {
			now = now.Add(3 * time.Hour)
		}
		g.Add(edge, now, &graph.Delta{Bucket: graph.Bucket{Opens: 1}})
		total++
		r.Tick(g, now)
	}
	r.End(g, now)
	r.Flush()
	var sum uint32
	for _, row := range sink.edges {
		sum += row.Opens
	}
	require.Equal(t, total, sum)
}

func TestRecorder_isBounded(t *testing.T) {
	ledger := loss.NewLedger()
	sink := new(list)
	r := history.New(history.Config{Sink: sink, Ledger: ledger, MostRows: 100})
	for i := range 250 {
		r.Event(archive.Event{ID: fmt.Sprint(i), Time: begin})
	}
	r.Flush()
	require.Len(t, sink.events, 100)
	for _, count := range ledger.Counts() {
		require.Equal(t, "archive.queue", count.Stage)
		require.EqualValues(t, 250, count.In)
		require.EqualValues(t, 100, count.Out)
		require.Equal(t, map[string]uint64{"queue-full": 150}, count.Dropped)
	}
}

func TestRecorder_handsOverByItself(t *testing.T) {
	sink := new(list)
	r := history.New(history.Config{Sink: sink, Ledger: loss.NewLedger()})
	g, edge := newGraph()
	r.Begin(g, begin)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	g.Add(edge, begin, &graph.Delta{Bucket: graph.Bucket{Opens: 1}})
	r.Tick(g, begin.Add(13*time.Second))
	testkit.Eventually(t, 10*time.Second, func() string {
		sink.mu.Lock()
		defer sink.mu.Unlock()
		if len(sink.edges) == 0 {
			return "no row has come"
		}
		return ""
	})
	cancel()
	require.NoError(t, <-done)
}

// BenchmarkConnection is what writing down costs for each connection: two batch rows.
func BenchmarkConnection(b *testing.B) {
	r := history.New(history.Config{Sink: nothing{}, Ledger: loss.NewLedger()})
	g, edge := newGraph()
	r.Begin(g, begin)
	connections := make([]graph.Connection, 1024)
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		c := &connections[n%len(connections)]
		*c = graph.Connection{ID: "x", Edge: edge, Opened: begin, Closed: begin, Sent: 5, State: model.PhaseClosed}
		r.Connection(c, begin)
		c.Ended = true
		r.Connection(c, begin)
		if n%1024 == 1023 {
			r.Flush()
		}
	}
}

// BenchmarkApply is the price of a batch row at the engine: without an archive, and with one that keeps it.
func BenchmarkApply(b *testing.B) {
	for _, kept := range []bool{false, true} {
		b.Run(fmt.Sprintf("kept=%t", kept), func(b *testing.B) {
			now := begin
			ledger := loss.NewLedger()
			config := engine.Config{Ledger: ledger, Now: func() time.Time { return now }}
			if kept {
				keep, err := archive.Open(archive.Config{Directory: b.TempDir(), Ledger: ledger})
				require.NoError(b, err)
				ctx, cancel := context.WithCancel(b.Context())
				config.Recorder = history.New(history.Config{Sink: keep, Ledger: ledger})
				var work sync.WaitGroup
				work.Go(func() { _ = keep.Run(ctx) })
				work.Go(func() { _ = config.Recorder.Run(ctx) })
				b.Cleanup(func() {
					cancel()
					work.Wait()
					require.NoError(b, keep.Close())
				})
			}
			applyBatches(b, engine.New(config), &now)
		})
	}
}

// applyBatches gives the engine both halves of short connections between known workloads.
func applyBatches(b *testing.B, e *engine.Engine, now *time.Time) {
	const rows = 2000
	var ends []*model.Endpoint
	for i := range 50 {
		ends = append(ends, &model.Endpoint{Workload: fmt.Sprintf("w%d", i), Kind: model.KindContainer, Node: "n1", NetNS: uint32(i + 1)})
	}
	cookie := uint64(0)
	for n := 0; b.Loop(); n++ {
		batch := &model.Batch{Node: "n1", AgentID: "a", Sequence: uint64(n + 1), Taken: *now}
		for i := 0; i < rows; i += 2 {
			from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(1 + i%50)}), uint16(20000+(n*rows+i)%40000))
			to := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(1 + (i/2)%50)}), 80)
			cookie += 2
			flow := model.Flow{Opened: true, Established: true, Closed: true, Start: *now, End: *now, Delta: model.Counters{SentBytes: 5, SentSegments: 3}}
			client, server := flow, flow
			client.Cookie, client.Endpoint, client.Local, client.Remote, client.Role = cookie, ends[i%50], from, to, model.RoleClient
			server.Cookie, server.Endpoint, server.Local, server.Remote, server.Role = cookie+1, ends[(i/2)%50], to, from, model.RoleServer
			batch.Flows = append(batch.Flows, client, server)
		}
		e.ApplyBatch(batch)
		*now = now.Add(time.Second)
		e.Tick()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/row")
}

// nothing keeps nothing.
type nothing struct{}

func (nothing) AddEdges([]archive.Edge)         {}
func (nothing) AddInstances([]archive.Instance) {}
func (nothing) AddFlows([]archive.Flow)         {}
func (nothing) AddEvents([]archive.Event)       {}
