// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/graph"
	"github.com/aeolus-ebpf/aeolus/internal/model"
)

// begin is at the start of an hour and of a day.
var begin = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

// testClock is a wall clock that is set by hand.
type testClock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *testClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *testClock) set(to time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = to
}

func (c *testClock) advance(by time.Duration) { c.set(c.Now().Add(by)) }

// generator makes rows.
type generator struct {
	random *rand.Rand
	edges  int
	number int
}

func newGenerator(seed uint64, edges int) *generator {
	return &generator{random: rand.New(rand.NewPCG(seed, 7)), edges: edges}
}

func (g *generator) workload(n int) Workload {
	kinds := []model.WorkloadKind{model.KindContainer, model.KindUnit, model.KindAddress}
	return Workload{
		ID: graph.Identify("workload", fmt.Sprint(n)), Namespace: []string{"shop", "", "billing"}[n%3], Name: fmt.Sprintf("service-%03d", n),
		Kind: kinds[n%3], External: n%3 == 2,
	}
}

func edgeID(n int) string { return graph.Identify("edge", fmt.Sprint(n)) }

func (g *generator) ends(edge int) (client, server Workload) {
	return g.workload(edge), g.workload(edge*7%g.edges + 1)
}

func (g *generator) edge(from time.Time) Edge {
	n := g.random.IntN(g.edges)
	client, server := g.ends(n)
	e := Edge{
		ID: edgeID(n), From: from, Length: 10 * time.Second, Client: client, Server: server, Own: n%11 == 0,
		Ports: []uint16{80, uint16(8000 + n)}, ByClient: true, ByServer: n%2 == 0,
	}
	if n%5 == 0 {
		e.Ports = nil
	}
	for i := range e.Failures {
		if i > 0 && g.random.IntN(10) == 0 {
			e.Failures[i] = uint32(g.random.IntN(100))
		}
	}
	e.Opens, e.Established, e.Closes = g.random.Uint32(), uint32(g.random.IntN(10)), 3
	e.Sent, e.Received = uint64(g.random.IntN(1_000_000)), uint64(g.random.IntN(1_000_000))
	if g.random.IntN(20) == 0 {
		e.Sent = 1<<63 + 12345
	}
	e.Segments, e.SentSegments, e.Retransmits = uint64(g.random.IntN(1000)), uint64(g.random.IntN(1000)), uint64(g.random.IntN(3))
	// A sum of these is exact in any order.
	e.RTTWeight, e.RTTSum = float64(g.random.IntN(100)), float64(g.random.IntN(1000))/1024
	e.LeastSmoothed, e.LeastRTT = time.Duration(g.random.IntN(3)*1000), time.Duration(g.random.IntN(2)*900)
	e.HandshakeSum, e.HandshakeCount, e.LeastHandshake = time.Duration(g.random.IntN(100_000)), 2, time.Duration(g.random.IntN(5))
	e.Open = int32(g.random.IntN(20) - 1)
	return e
}

func (g *generator) instance(from time.Time) Instance {
	n := g.random.IntN(g.edges)
	i := Instance{From: from, Length: time.Minute, Workload: g.workload(n), Own: n%7 == 0}
	i.Name, i.Version, i.Zone, i.Node = fmt.Sprintf("pod-%d", n), "v1", "z", fmt.Sprintf("node-%d", n%4)
	i.Address = netip.AddrFrom4([4]byte{10, 0, byte(n >> 8), byte(n)})
	if n%9 == 0 {
		i.Address = netip.MustParseAddr("fe80::1%eth0")
	}
	i.PID, i.Process, i.ContainerID, i.ContainerImage, i.CgroupPath = uint32(n), "serve", "abc", "shop:1", "/kube/\xff"
	i.FirstSeen, i.LastSeen = from.Add(-time.Hour), from.Add(50*time.Second)
	return i
}

func (g *generator) flow(from time.Time) Flow {
	g.number++
	n := g.random.IntN(g.edges)
	client, server := g.ends(n)
	f := Flow{
		Connection: graph.Identify("connection", fmt.Sprint(g.number)), Edge: edgeID(n), From: from,
		To: from.Add(time.Duration(g.random.IntN(60_000)) * time.Millisecond), Client: client, Server: server, Own: n%11 == 0,
		State: model.Phase(1 + g.random.IntN(3)), Failure: model.Failure(max(0, g.random.IntN(40)-32)), Adopted: n%13 == 0,
	}
	local := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 1, 0, byte(n)}), uint16(32768+g.random.IntN(20000)))
	remote := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 2, 0, byte(n)}), uint16(80+n%3))
	f.ClientSide = graph.Side{Reported: true, Node: "node-1", Local: local, Remote: remote, PID: 77, Process: "curl"}
	if n%2 == 0 {
		f.ServerSide = graph.Side{Reported: true, Node: "node-2", Local: remote, Remote: local, PID: 12, Process: "nginx"}
	}
	if n%3 != 0 {
		f.Opened = from.Add(-time.Second)
	}
	if f.State == model.PhaseClosed {
		f.Closed = f.To
		f.Handshake = time.Duration(g.random.IntN(100_000))
	}
	f.Sent, f.Received, f.Segments, f.Retransmits = g.random.Uint64N(1e6), g.random.Uint64N(1e6), 10, 1
	f.ResetsSent, f.ResetsReceived = uint32(n%2), 1
	f.SmoothedRTT, f.MinRTT = time.Duration(g.random.IntN(4)*1000), time.Duration(g.random.IntN(100))
	return f
}

func (g *generator) event(at time.Time) Event {
	g.number++
	n := g.random.IntN(g.edges)
	client, server := g.ends(n)
	kinds := []model.EventKind{model.EventRefused, model.EventReset, model.EventNewEdge, model.EventTimedOut}
	e := Event{
		ID: fmt.Sprintf("made-up-%d", g.number), Time: at, Kind: kinds[g.random.IntN(len(kinds))], Edge: edgeID(n), ClientWorkload: client,
		ServerWorkload: server, Client: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 1, 0, byte(n)}), 40000),
		Server:   netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 2, 0, byte(n)}), 80),
		Reporter: "client", Node: "node-1", PID: 77, Process: "curl", Latency: time.Duration(g.random.IntN(1000)), Own: n%11 == 0,
	}
	if n%4 == 0 {
		e.Edge, e.Client, e.Text = "", netip.AddrPort{}, fmt.Sprintf("a foreign record, \"%d\"\n", g.number)
		e.Attributes = map[string]string{"b": "2", "a": "1", "n": fmt.Sprint(n)}
	}
	return e
}

// oracle holds every row, and answers by looking at each.
type oracle struct {
	edges     []Edge
	instances []Instance
	flows     []Flow
	events    []Event
}

func (r Range) holds(from, to time.Time) bool {
	return (r.To.IsZero() || from.Before(r.To)) && (r.From.IsZero() || to.After(r.From) || !from.Before(r.From))
}

func (o *oracle) flowsOf(q FlowQuery) []Flow {
	return slices.DeleteFunc(slices.Clone(o.flows), func(f Flow) bool {
		ends := []netip.AddrPort{f.ClientSide.Local, f.ClientSide.Remote, f.ServerSide.Local, f.ServerSide.Remote}
		return !q.holds(f.From, f.To) || !wanted(q.Edges, f.Edge) || !wanted(q.Connections, f.Connection) ||
			!wanted(q.Workloads, f.Client.ID, f.Server.ID) || q.Failed && f.Failure == 0 || q.WithoutOwn && f.Own ||
			!wanted(q.Addresses, ends[0].Addr(), ends[1].Addr(), ends[2].Addr(), ends[3].Addr()) ||
			!wanted(q.Ports, ends[0].Port(), ends[1].Port(), ends[2].Port(), ends[3].Port())
	})
}

func (o *oracle) eventsOf(q EventQuery) []Event {
	return slices.DeleteFunc(slices.Clone(o.events), func(e Event) bool {
		return !q.holds(e.Time, e.Time) || !wanted(q.Edges, e.Edge) || !wanted(q.Kinds, e.Kind) || q.WithoutOwn && e.Own ||
			!wanted(q.Workloads, e.ClientWorkload.ID, e.ServerWorkload.ID) || !wanted(q.Addresses, e.Client.Addr(), e.Server.Addr())
	})
}

func (o *oracle) edgesOf(q EdgeQuery) []Edge {
	return slices.DeleteFunc(slices.Clone(o.edges), func(e Edge) bool {
		return !q.holds(e.From, e.From.Add(e.Length)) || !wanted(q.Edges, e.ID) || !wanted(q.Workloads, e.Client.ID, e.Server.ID) ||
			q.WithoutOwn && e.Own
	})
}

func wanted[V comparable](of []V, any ...V) bool {
	return len(of) == 0 || slices.ContainsFunc(any, func(v V) bool { return slices.Contains(of, v) })
}
