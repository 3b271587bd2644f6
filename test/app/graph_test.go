// SPDX-License-Identifier: Apache-2.0

package app

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	queryv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/query/v1"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

// edge is one drawn edge: who calls whom, how, and what that came to by the programs' own account.
type edge struct {
	client, server *place
	address        string
	port           int
	jobs           []job
	outcomes       []outcome
}

// seed is printed so that a failure can be drawn again with AEOLUS_SEED.
func seed(t *testing.T) *rand.Rand {
	t.Helper()
	n := uint64(time.Now().UnixNano())
	if text := os.Getenv("AEOLUS_SEED"); text != "" {
		given, err := strconv.ParseUint(text, 10, 64)
		require.NoError(t, err)
		n = given
	}
	t.Logf("AEOLUS_SEED=%d", n)
	return rand.New(rand.NewPCG(n, n))
}

// TestRandomGraph draws who calls whom, lets foreign programs do it, and compares what Aeolus shows with what the
// programs say they did and what the kernel counted in each namespace.
func TestRandomGraph(t *testing.T) {
	testkit.RequireRoot(t)
	random := seed(t)
	l := newLab(t, fmt.Sprintf("ag%05x", random.Uint32N(1<<20)), 6)
	a := up(t)

	before := l.allCounters()
	edges := l.draw(random, 12)
	l.play(edges)

	if !a.settle(t, l, edges) {
		return
	}
	requireEdges(t, edges, a.edges(l.prefix+"-*"))
	connections := a.connections(l.prefix + "-*")
	requireBytes(t, edges, connections)
	requireFailures(t, edges, connections)
	requireCounters(t, l, before, connections)
	t.Logf("%d edges, %d connections", len(edges), len(connections))
}

// draw makes n edges between different places, each to a server of its own; half of them keep connections alive.
func (l *lab) draw(random *rand.Rand, n int) []*edge {
	taken := map[string]bool{}
	var edges []*edge
	for len(edges) < n {
		client, server := l.places[random.IntN(len(l.places))], l.places[random.IntN(len(l.places))]
		if client == server || taken[client.name+server.name] {
			continue
		}
		taken[client.name+server.name] = true
		e := &edge{client: client, server: server, address: server.v4, port: 1024 + len(edges)*1000 + random.IntN(1000)}
		family := "4"
		if random.IntN(2) == 0 {
			e.address, family = server.v6, "6"
		}
		e.jobs = drawJobs(random, e, len(edges)%2 == 0)
		l.daemon(server, python, "testdata/server.py", family, strconv.Itoa(e.port))
		l.silence(server)
		edges = append(edges, e)
	}
	return edges
}

// Ports at which connects fail: nobody listens at the first; what comes for the second is dropped.
const refusedPort, silentPort = 1000, 1001

// drawJobs gives an edge's connections: mostly orderly, some reset, some refused, some given up by the program because
// nobody answered, some to where no route leads.
func drawJobs(random *rand.Rand, e *edge, keepAlive bool) []job {
	var jobs []job
	for range 5 + random.IntN(20) {
		j := job{Address: e.address, Port: e.port, Requests: 1, Bytes: 1 + random.IntN(100_000), End: "close"}
		if keepAlive {
			j.Requests = 2 + random.IntN(30)
		}
		switch random.IntN(10) {
		case 0:
			j.End = "reset"
		case 1:
			j = job{Address: e.address, Port: refusedPort}
		case 2:
			j = job{Address: e.address, Port: silentPort, Wait: 0.2}
		case 3:
			j = job{Address: "192.0.2.1", Port: e.port}
		}
		jobs = append(jobs, j)
	}
	return jobs
}

// silence drops what comes for the silent port of a place.
func (l *lab) silence(p *place) {
	l.t.Helper()
	if p.silent {
		return
	}
	p.silent = true
	rules := fmt.Sprintf("table inet lab {\n chain in {\n type filter hook input priority 0\n tcp dport %d drop\n }\n }", silentPort)
	out, err := l.in(p, "nft", rules).CombinedOutput()
	require.NoError(l.t, err, "%s", out)
}

// play runs every edge's client at the same time.
func (l *lab) play(edges []*edge) {
	l.t.Helper()
	for _, e := range edges {
		l.awaitListener(e)
	}
	var all sync.WaitGroup
	for _, e := range edges {
		all.Go(func() { e.outcomes = l.runJobs(l.t.Context(), e.client, e.jobs) })
	}
	all.Wait()
}

// awaitListener asks ss, not a connection: a connection would be counted.
func (l *lab) awaitListener(e *edge) {
	l.t.Helper()
	testkit.Eventually(l.t, 10*time.Second, func() string {
		out, err := l.in(e.server, "ss", "-Htln", "sport = :"+strconv.Itoa(e.port)).Output()
		require.NoError(l.t, err)
		if len(out) == 0 {
			return fmt.Sprintf("nobody listens on port %d of %s", e.port, e.server.name)
		}
		return ""
	})
}

func (l *lab) allCounters() map[string]map[string]uint64 {
	all := map[string]map[string]uint64{}
	for _, p := range l.places {
		all[p.name] = l.counters(p)
	}
	return all
}

// unsettled says which connections are still missing or open. It compares with the programs' count.
func (a *aeolus) unsettled(l *lab, edges []*edge) string {
	want := 0
	for _, e := range edges {
		want += len(e.outcomes)
	}
	ended := 0
	for _, c := range a.connections(l.prefix + "-*") {
		if c.GetClosed() != nil {
			ended++
		}
	}
	if ended != want {
		return fmt.Sprintf("%d of %d connections have ended", ended, want)
	}
	return ""
}

func requireEdges(t *testing.T, drawn []*edge, shown []*queryv1.Edge) {
	t.Helper()
	var want, got []string
	for _, e := range drawn {
		want = append(want, e.client.name+" → "+e.server.name)
	}
	for _, e := range shown {
		got = append(got, e.GetClientName()+" → "+e.GetServerName())
	}
	require.ElementsMatch(t, want, got)
}

// requireBytes compares payload both ways, edge by edge, over the connections that ended in order.
func requireBytes(t *testing.T, drawn []*edge, connections []*queryv1.Connection) {
	t.Helper()
	want, got := map[string]uint64{}, map[string]uint64{}
	orderly := map[string]bool{}
	for _, e := range drawn {
		for i, o := range e.outcomes {
			if o.Result == "ok" && e.jobs[i].End == "close" {
				orderly[fmt.Sprintf("%s:%d", e.client.name, o.LocalPort)] = true
				want[e.client.name+" → "+e.server.name] += o.Sent
				want[e.server.name+" → "+e.client.name] += o.Received
			}
		}
	}
	for _, c := range connections {
		if c.GetFailure() != "" {
			continue
		}
		port := c.GetClientAddress()[strings.LastIndexByte(c.GetClientAddress(), ':')+1:]
		require.True(t, orderly[c.GetClientName()+":"+port], "a connection that no program made: %v", c)
		got[c.GetClientName()+" → "+c.GetServerName()] += c.GetSentBytes()
		got[c.GetServerName()+" → "+c.GetClientName()] += c.GetReceivedBytes()
	}
	require.Equal(t, want, got)
}

// failureOf says how Aeolus should call what a program saw.
var failureOf = map[string]string{"refused": "refused", "gave-up": "given-up", "Network is unreachable": "no-route"}

// requireFailures compares how connects failed with what the programs saw, client by client.
func requireFailures(t *testing.T, drawn []*edge, connections []*queryv1.Connection) {
	t.Helper()
	want, got := map[string]int{}, map[string]int{}
	for _, e := range drawn {
		for i, o := range e.outcomes {
			switch {
			case o.Result != "ok":
				want[e.client.name+" "+failureOf[o.Result]]++
			case e.jobs[i].End == "reset":
				want[e.client.name+" reset"]++
			}
		}
	}
	for _, c := range connections {
		if c.GetFailure() != "" {
			got[c.GetClientName()+" "+c.GetFailure()]++
		}
	}
	require.Equal(t, want, got)
}

// requireCounters compares with nstat in each namespace, each counter by its definition.
func requireCounters(t *testing.T, l *lab, before map[string]map[string]uint64, connections []*queryv1.Connection) {
	t.Helper()
	want, got := map[string]uint64{}, map[string]uint64{}
	after := l.allCounters()
	for _, p := range l.places {
		for _, name := range []string{"TcpActiveOpens", "TcpPassiveOpens", "TcpAttemptFails", "TcpEstabResets", "IpOutNoRoutes"} {
			if n := after[p.name][name] - before[p.name][name]; n != 0 {
				want[p.name+" "+name] = n
			}
		}
	}
	for _, c := range connections {
		countConnection(got, c)
	}
	require.Equal(t, want, got)
}

// countConnection adds what the kernel counts for a connection at both ends.
func countConnection(counts map[string]uint64, c *queryv1.Connection) {
	client, server := c.GetClientName(), c.GetServerName()
	sentSYN := c.GetFailure() != "no-route" && c.GetFailure() != "never-sent"
	if c.GetReporter() != "server" && sentSYN {
		counts[client+" TcpActiveOpens"]++
	}
	if c.GetReporter() != "client" {
		counts[server+" TcpPassiveOpens"]++
	}
	switch c.GetFailure() {
	case "no-route":
		counts[client+" IpOutNoRoutes"]++
	case "refused", "timed-out", "unreachable":
		counts[client+" TcpAttemptFails"]++
	case "reset":
		counts[client+" TcpEstabResets"]++
		counts[server+" TcpEstabResets"]++
	}
}
