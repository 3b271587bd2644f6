// SPDX-License-Identifier: Apache-2.0

package reduce_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/graph"
	"github.com/aeolus-ebpf/aeolus/internal/loss"
	"github.com/aeolus-ebpf/aeolus/internal/model"
	"github.com/aeolus-ebpf/aeolus/internal/reduce"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// bench is a reducer with its graph and a clock that the test moves.
type bench struct {
	graph   *graph.Graph
	reducer *reduce.Reducer
	ledger  *loss.Ledger
	now     time.Time
}

func newBench(config reduce.Config) *bench {
	b := &bench{graph: graph.New(graph.Config{}, nil), ledger: loss.NewLedger(), now: start}
	b.reducer = reduce.New(b.graph, b.ledger.Stage("reduce"), config)
	return b
}

func (b *bench) apply(batch *model.Batch) {
	if batch.Taken.IsZero() {
		batch.Taken = b.now
	}
	if batch.AgentID == "" {
		batch.AgentID = "agent-of-" + batch.Node
	}
	b.reducer.Apply(batch, b.now)
}

// pass lets time go by in steps, as the engine does.
func (b *bench) pass(d time.Duration) {
	for end := b.now.Add(d); b.now.Before(end); {
		b.now = b.now.Add(250 * time.Millisecond)
		b.reducer.Settle(b.now)
	}
}

// totals of an edge over everything.
func total(e *graph.Edge) graph.Bucket {
	var sum graph.Bucket
	for _, second := range e.Seconds(0, 1<<60) {
		sum.Add(&second)
	}
	return sum
}

// edges by "client -> server", those that nothing was ever counted on left out.
func (b *bench) edges() map[string]*graph.Edge {
	found := map[string]*graph.Edge{}
	for _, e := range b.graph.Edges() {
		if sum := total(e); sum.IsZero() && e.Open == 0 {
			continue
		}
		found[e.Client.Name+" -> "+e.Server.Name] = e
	}
	return found
}

func names(edges map[string]*graph.Edge) []string {
	var list []string
	for name := range edges {
		list = append(list, name)
	}
	return list
}

func who(name, node string, netns uint32) *model.Endpoint {
	return &model.Endpoint{Workload: name, Kind: model.KindContainer, Node: node, NetNS: netns, PID: netns, Process: name}
}

func addr(text string) netip.AddrPort { return netip.MustParseAddrPort(text) }

// pair makes both rows of a connection that was opened, carried something and ended.
func pair(client, server *model.Endpoint, from, to string, cookie uint64) (model.Flow, model.Flow) {
	c := model.Flow{
		Cookie: cookie, Endpoint: client, Local: addr(from), Remote: addr(to), Role: model.RoleClient, Opened: true,
		Established: true, Closed: true, Start: start, End: start.Add(10 * time.Millisecond),
		Delta:       model.Counters{SentBytes: 100, ReceivedBytes: 2000, SentSegments: 5, ReceivedSegments: 4},
		SmoothedRTT: time.Millisecond, MinRTT: time.Millisecond, Handshake: time.Millisecond,
	}
	s := model.Flow{
		Cookie: cookie + 1, Endpoint: server, Local: addr(to), Remote: addr(from), Role: model.RoleServer,
		Established: true, Closed: true, Start: start.Add(time.Millisecond), End: start.Add(11 * time.Millisecond),
		Delta:       model.Counters{SentBytes: 2000, ReceivedBytes: 100, SentSegments: 4, ReceivedSegments: 5},
		SmoothedRTT: time.Millisecond, MinRTT: time.Millisecond,
	}
	return c, s
}

func TestReduce_endedIsListedOnce(t *testing.T) {
	for _, serverFirst := range []bool{true, false} {
		b := newBench(reduce.Config{})
		client, server := pair(who("a", "n1", 1), who("b", "n1", 2), "10.0.0.1:40000", "10.0.0.2:80", 1)
		open := [2]model.Flow{client, server}
		for i := range open {
			open[i].Closed, open[i].End = false, time.Time{}
		}
		b.apply(&model.Batch{Node: "n1", Flows: open[:]})
		b.pass(2 * time.Second)
		ends := []model.Flow{client, server}
		if serverFirst {
			ends = []model.Flow{server, client}
		}
		b.apply(&model.Batch{Node: "n1", Flows: ends})
		listed := 0
		b.graph.Connections.Each(true, func(*graph.Connection) bool { listed++; return true })
		require.Equal(t, 1, listed, "server first: %t", serverFirst)
	}
}

func TestReduce_halvesInEveryOrder(t *testing.T) {
	for _, family := range []struct{ name, from, to string }{
		{"IPv4", "10.0.0.1:40000", "10.0.0.2:80"},
		{"IPv6", "[fd00::1]:40000", "[fd00::2]:80"},
		{"mapped", "[::ffff:10.0.0.1]:40000", "10.0.0.2:80"},
	} {
		for _, order := range []string{"together", "client first", "server first", "late client", "late server"} {
			t.Run(family.name+"/"+order, func(t *testing.T) {
				b := newBench(reduce.Config{})
				c, s := pair(who("a", "n1", 1), who("b", "n2", 2), family.from, family.to, 10)
				client := &model.Batch{Node: "n1", Flows: []model.Flow{c}}
				server := &model.Batch{Node: "n2", Flows: []model.Flow{s}}
				switch order {
				case "together":
					b.apply(&model.Batch{Node: "n1", Flows: []model.Flow{c, s}})
				case "client first":
					b.apply(client)
					b.apply(server)
				case "server first":
					b.apply(server)
					b.apply(client)
				case "late client":
					b.apply(server)
					b.pass(time.Second)
					b.apply(client)
				case "late server":
					b.apply(client)
					b.pass(time.Second)
					b.apply(server)
				}
				b.pass(10 * time.Second)
				require.ElementsMatch(t, []string{"a -> b"}, names(b.edges()))
				edge := b.edges()["a -> b"]
				sum := total(edge)
				require.Equal(t, "both", edge.Reporter())
				require.Equal(t, []uint16{80}, edge.Ports)
				require.EqualValues(t, 0, edge.Open)
				require.EqualValues(t, []uint32{1, 1, 1}, []uint32{sum.Opens, sum.Established, sum.Closes})
				require.EqualValues(t, []uint64{100, 2000, 9, 9}, []uint64{sum.Sent, sum.Received, sum.Segments, sum.SentSegments})
				require.Zero(t, b.reducer.Halves(), "all was let go")
			})
		}
	}
}

func TestReduce_oneSided(t *testing.T) {
	b := newBench(reduce.Config{})
	c, _ := pair(who("a", "n1", 1), nil, "10.0.0.1:40000", "192.0.2.9:443", 1)
	_, s := pair(nil, who("a", "n1", 1), "198.51.100.3:50000", "10.0.0.1:80", 5)
	b.apply(&model.Batch{Node: "n1", Flows: []model.Flow{c, s}})
	require.Empty(t, b.edges(), "they wait for the other halves")
	b.pass(3 * time.Second)
	edges := b.edges()
	require.ElementsMatch(t, []string{"a -> 192.0.2.9", "198.51.100.3 -> a"}, names(edges))
	require.Equal(t, "client", edges["a -> 192.0.2.9"].Reporter())
	require.True(t, edges["a -> 192.0.2.9"].Server.External)
	require.Equal(t, "server", edges["198.51.100.3 -> a"].Reporter())
	require.Equal(t, []uint16{80}, edges["198.51.100.3 -> a"].Ports)
	require.EqualValues(t, 100, total(edges["198.51.100.3 -> a"]).Sent, "from client to server, whoever reports")
}

func refused(client *model.Endpoint, from, to string, cookie uint64, at time.Time) model.Flow {
	return model.Flow{
		Cookie: cookie, Endpoint: client, Local: addr(from), Remote: addr(to), Role: model.RoleClient, Opened: true,
		Closed: true, Failure: model.FailureRefused, Start: at, End: at.Add(time.Millisecond),
		Delta: model.Counters{SentSegments: 1, ReceivedSegments: 1},
	}
}

func TestReduce_refusedIsNamedByTheAddressBook(t *testing.T) {
	a, payment := who("a", "n1", 1), who("payment", "n1", 2)
	for name, learn := range map[string]*model.Batch{
		"the namespace has one workload": {Node: "n1", Addresses: []model.AddressOwner{
			{Address: netip.MustParseAddr("10.0.0.2"), NetNS: 2, Endpoint: payment},
		}},
		"it listens on the address": {Node: "n1", Listeners: []model.BoundListener{{Local: addr("10.0.0.2:80"), Endpoint: payment}}},
		"it listens on every address of its namespace": {
			Node:      "n1",
			Addresses: []model.AddressOwner{{Address: netip.MustParseAddr("10.0.0.2"), NetNS: 2}},
			Listeners: []model.BoundListener{{Local: addr("[::]:80"), Endpoint: payment}},
		},
		"it served from there before": func() *model.Batch {
			c, s := pair(a, payment, "10.0.0.1:40000", "10.0.0.2:80", 50)
			return &model.Batch{Node: "n1", Flows: []model.Flow{c, s}}
		}(),
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(reduce.Config{})
			b.apply(learn)
			b.pass(5 * time.Second)
			// It has been killed by now: nothing is said of it any more.
			b.apply(&model.Batch{Node: "n1", Flows: []model.Flow{refused(a, "10.0.0.1:40001", "10.0.0.2:80", 90, b.now)}})
			require.ElementsMatch(t, []string{"a -> payment"}, names(b.edges()), "at once")
			sum := total(b.edges()["a -> payment"])
			require.EqualValues(t, 1, sum.Failures[model.FailureRefused])
			require.EqualValues(t, 0, b.edges()["a -> payment"].Open)
		})
	}
}

func TestReduce_loopbackStaysInItsNamespace(t *testing.T) {
	b := newBench(reduce.Config{})
	var flows []model.Flow
	for netns := uint32(1); netns <= 3; netns++ {
		c, s := pair(who(fmt.Sprintf("client-%d", netns), "n1", netns), who(fmt.Sprintf("server-%d", netns), "n1", netns),
			"127.0.0.1:40000", "127.0.0.1:80", uint64(netns)*10)
		flows = append(flows, s, c)
	}
	b.apply(&model.Batch{Node: "n1", Flows: flows})
	b.pass(5 * time.Second)
	require.ElementsMatch(t, []string{"client-1 -> server-1", "client-2 -> server-2", "client-3 -> server-3"}, names(b.edges()))
}

func TestReduce_translatedServer(t *testing.T) {
	b := newBench(reduce.Config{})
	client, server := who("a", "n1", 1), who("b", "n1", 2)
	proxy := who("docker-proxy", "n1", 9)
	learn := &model.Batch{
		Node:      "n1",
		Addresses: []model.AddressOwner{{Address: netip.MustParseAddr("192.168.0.1"), NetNS: 9}},
		Listeners: []model.BoundListener{{Local: addr("0.0.0.0:8080"), Endpoint: proxy}},
	}
	b.apply(learn)
	c, s := pair(client, server, "10.0.0.1:40000", "192.168.0.1:8080", 1)
	s.Local = addr("10.0.0.2:80")
	b.apply(&model.Batch{Node: "n1", Flows: []model.Flow{s, c}})
	b.pass(3 * time.Second)
	require.ElementsMatch(t, []string{"a -> b"}, names(b.edges()))
	var seen *graph.Connection
	b.graph.Connections.Each(true, func(c *graph.Connection) bool { seen = c; return true })
	translated, ok := seen.Translated()
	require.True(t, ok)
	require.Equal(t, addr("10.0.0.2:80"), translated)
	require.Equal(t, addr("192.168.0.1:8080"), seen.ServerAddress())

	// From now on it is known where that leads: joined at once, and named when it refuses.
	c, s = pair(client, server, "10.0.0.1:40001", "192.168.0.1:8080", 11)
	s.Local = addr("10.0.0.2:80")
	b.apply(&model.Batch{Node: "n1", Flows: []model.Flow{s, c, refused(client, "10.0.0.1:40002", "192.168.0.1:8080", 21, b.now)}})
	require.EqualValues(t, 3, total(b.edges()["a -> b"]).Opens)
}

func TestReduce_hairpinAndInsideOneWorkload(t *testing.T) {
	b := newBench(reduce.Config{})
	one := who("a", "n1", 1)
	c, s := pair(one, one, "10.0.0.1:40000", "192.168.0.1:80", 1)
	s.Local = addr("10.0.0.1:80")
	c2, s2 := pair(one, one, "10.0.0.1:40001", "10.0.0.1:80", 11)
	b.apply(&model.Batch{Node: "n1", Flows: []model.Flow{c, s, s2, c2}})
	b.pass(3 * time.Second)
	require.ElementsMatch(t, []string{"a -> a"}, names(b.edges()))
	require.EqualValues(t, 2, total(b.edges()["a -> a"]).Opens)
}

func TestReduce_portReuse(t *testing.T) {
	for _, backwards := range []bool{false, true} {
		b := newBench(reduce.Config{})
		first, second := who("first", "n1", 2), who("second", "n1", 3)
		client := who("a", "n1", 1)
		c1, s1 := pair(client, first, "10.0.0.1:40000", "10.0.0.2:80", 1)
		c2, s2 := pair(client, second, "10.0.0.1:40000", "10.0.0.2:80", 11)
		for _, f := range []*model.Flow{&c2, &s2} {
			f.Start, f.End = f.Start.Add(time.Second), f.End.Add(time.Second)
			f.Delta.SentBytes *= 3
			f.Delta.ReceivedBytes *= 3
		}
		flows := []model.Flow{c1, c2, s1, s2}
		if backwards {
			flows = []model.Flow{s2, c1, s1, c2}
		}
		b.apply(&model.Batch{Node: "n1", Flows: flows})
		b.pass(3 * time.Second)
		require.ElementsMatch(t, []string{"a -> first", "a -> second"}, names(b.edges()))
		require.EqualValues(t, 100, total(b.edges()["a -> first"]).Sent)
		require.EqualValues(t, 300, total(b.edges()["a -> second"]).Sent)
	}
}

func TestReduce_openConnectionsAreExact(t *testing.T) {
	b := newBench(reduce.Config{})
	c, s := pair(who("a", "n1", 1), who("b", "n1", 2), "10.0.0.1:40000", "10.0.0.2:80", 1)
	c.Closed, s.Closed = false, false
	b.apply(&model.Batch{Node: "n1", Flows: []model.Flow{c, s}})
	require.EqualValues(t, 1, b.edges()["a -> b"].Open)
	c.Closed, s.Closed, c.Opened, c.Established, s.Established = true, true, false, false, false
	b.pass(time.Second)
	b.apply(&model.Batch{Node: "n1", Flows: []model.Flow{c}})
	require.EqualValues(t, 1, b.edges()["a -> b"].Open, "the server decides")
	b.apply(&model.Batch{Node: "n1", Flows: []model.Flow{s}})
	require.EqualValues(t, 0, b.edges()["a -> b"].Open)
	require.EqualValues(t, 1, total(b.edges()["a -> b"]).Opens)
}

func TestReduce_adoptedByAgentsAtDifferentTimes(t *testing.T) {
	b := newBench(reduce.Config{})
	c, s := pair(who("a", "n1", 1), who("b", "n2", 2), "10.0.0.1:40000", "10.0.0.2:80", 1)
	for _, f := range []*model.Flow{&c, &s} {
		f.Closed, f.Adopted, f.Opened, f.Established = false, true, false, false
	}
	b.apply(&model.Batch{Node: "n1", Flows: []model.Flow{c}})
	b.pass(5 * time.Second)
	s.Start = b.now
	b.apply(&model.Batch{Node: "n2", Flows: []model.Flow{s}})
	b.apply(&model.Batch{Node: "n1", Flows: []model.Flow{c}})
	b.apply(&model.Batch{Node: "n2", Flows: []model.Flow{s}})
	var sent uint64
	for _, e := range b.graph.Edges() {
		sum := total(e)
		sent += sum.Sent
		require.Zero(t, sum.Opens)
	}
	require.EqualValues(t, 200, sent, "100 by the client alone, 100 after the server joined; what both saw counts once")
	require.EqualValues(t, 1, b.edges()["a -> b"].Open)
}

func TestReduce_restartedAndLostAgents(t *testing.T) {
	b := newBench(reduce.Config{})
	c, s := pair(who("a", "n1", 1), who("b", "n1", 2), "10.0.0.1:40000", "10.0.0.2:80", 1)
	c2, s2 := pair(who("a", "n1", 1), who("b", "n1", 2), "10.0.0.1:40001", "10.0.0.2:80", 11)
	for _, f := range []*model.Flow{&c, &s, &c2, &s2} {
		f.Closed = false
	}
	b.apply(&model.Batch{Node: "n1", AgentID: "one", Flows: []model.Flow{c, s, c2, s2}})
	require.EqualValues(t, 2, b.edges()["a -> b"].Open)
	c.Adopted, s.Adopted, c.Opened, c.Established, s.Established = true, true, false, false, false
	b.apply(&model.Batch{Node: "n1", AgentID: "two", Flows: []model.Flow{c, s}})
	b.pass(20 * time.Second)
	require.EqualValues(t, 1, b.edges()["a -> b"].Open, "the second connection ended while no agent was there")
	b.pass(2 * time.Minute)
	require.EqualValues(t, 0, b.edges()["a -> b"].Open, "nobody speaks for the node any more")
}

func TestReduce_isBounded(t *testing.T) {
	b := newBench(reduce.Config{MaxHalves: 100, MaxPlaces: 50})
	for i := range 1000 {
		c, _ := pair(who("a", "n1", 1), nil, fmt.Sprintf("10.0.0.1:%d", 1024+i), fmt.Sprintf("192.0.2.%d:443", i%250), uint64(i))
		c.Closed = false
		b.apply(&model.Batch{Node: "n1", Flows: []model.Flow{c}})
		require.LessOrEqual(t, b.reducer.Halves(), 100)
	}
	b.pass(5 * time.Second)
	count := b.ledger.Counts()[0]
	require.EqualValues(t, 1000, count.In)
	require.EqualValues(t, count.In, count.Out+count.Lost()+uint64(b.reducer.Halves()))
	require.EqualValues(t, 900, count.Dropped["table-full"])
	open := int64(0)
	for _, e := range b.graph.Edges() {
		open += e.Open
	}
	require.EqualValues(t, 100, open)
}

// TestReduce_makesRoomOfWhatHasEnded holds that many short connections do not push out those that stay: what is let go of
// has been counted, and is not lost.
func TestReduce_makesRoomOfWhatHasEnded(t *testing.T) {
	b := newBench(reduce.Config{MaxHalves: 100})
	for i := range 520 {
		c, s := pair(who("a", "n1", 1), who("b", "n1", 2), fmt.Sprintf("10.0.0.1:%d", 1024+i), "10.0.0.2:80", uint64(2*i+2))
		c.Closed, s.Closed = i >= 20, i >= 20
		b.apply(&model.Batch{Node: "n1", Flows: []model.Flow{c, s}})
		require.LessOrEqual(t, b.reducer.Halves(), 100)
	}
	edge := b.edges()["a -> b"]
	require.EqualValues(t, 20, edge.Open, "those that stay are there")
	b.pass(10 * time.Second)
	require.Equal(t, 40, b.reducer.Halves())
	count := b.ledger.Counts()[0]
	require.Zero(t, count.Lost())
	require.EqualValues(t, 1040, count.In)
	require.EqualValues(t, 1000, count.Out)
}
