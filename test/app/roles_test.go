// SPDX-License-Identifier: Apache-2.0

package app

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	queryv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/query/v1"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

// newPrefix begins the names of a lab's namespaces.
func newPrefix(begin string) string {
	return fmt.Sprintf("%s%05d", begin, time.Now().UnixNano()%100_000)
}

// serve starts a server in the last place of a lab and gives the edge to it from the first.
func (l *lab) serve(port int) *edge {
	l.t.Helper()
	server := l.places[len(l.places)-1]
	e := &edge{client: l.places[0], server: server, address: server.v4, port: port}
	l.daemon(server, python, "testdata/server.py", "4", strconv.Itoa(port))
	l.awaitListener(e)
	return e
}

// call makes n connections along an edge, one after the other.
func (l *lab) call(e *edge, n int, pause float64) {
	l.t.Helper()
	for range n {
		e.jobs = append(e.jobs, job{Address: e.address, Port: e.port, Requests: 1, Bytes: 500, End: "close", Pause: pause})
	}
	e.outcomes = append(e.outcomes, l.runJobs(l.t.Context(), e.client, e.jobs[len(e.outcomes):])...)
}

// TestControllerRestarts takes the controller away while connections are made, by a signal and by kill -9 after it had
// stopped answering. What happened meanwhile is all there once it is back.
func TestControllerRestarts(t *testing.T) {
	t.Parallel()
	for name, away := range map[string]func(controller *role){
		"interrupt": func(controller *role) { controller.end(syscall.SIGTERM) },
		"kill":      func(controller *role) { controller.signal(syscall.SIGSTOP) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRoles(t)
			l := newLab(t, newPrefix("ar"), 2)
			r.agent("node-1", l.places, ownBinary(t))
			r.await("node-1")
			e := l.serve(8080)
			l.call(e, 50, 0)
			testkit.Eventually(t, 20*time.Second, func() string { return r.unsettled(l, []*edge{e}) })

			away(r.controller)
			*e = edge{client: e.client, server: e.server, address: e.address, port: e.port}
			before := l.allCounters()
			called := make(chan struct{})
			go func() {
				defer close(called)
				l.call(e, 300, 0.01)
			}()
			testkit.Eventually(t, 20*time.Second, func() string {
				return fewer(l.counters(e.client)["TcpActiveOpens"]-before[e.client.name]["TcpActiveOpens"], 100)
			})
			r.controller.end(syscall.SIGKILL)
			r.startController()
			r.await("node-1")
			<-called
			testkit.Eventually(t, 30*time.Second, func() string { return r.unsettled(l, []*edge{e}) })
			connections := r.connections(l.prefix + "-*")
			requireBytes(t, []*edge{e}, connections)
			requireCounters(t, l, before, connections)
			require.Empty(t, r.lost())
		})
	}
}

func fewer(n, want uint64) string {
	if n < want {
		return fmt.Sprintf("%d of %d", n, want)
	}
	return ""
}

// TestControllerAway leaves the controller away for longer than the agent can hold what it sees: what is missing
// afterwards is reported lost.
func TestControllerAway(t *testing.T) {
	t.Parallel()
	r := newRoles(t)
	l := newLab(t, newPrefix("ax"), 2)
	r.agent("node-1", l.places, oneBinary(), "--interval", "100ms", "--max-batches", "5")
	r.await("node-1")
	e := l.serve(8080)
	r.controller.end(syscall.SIGKILL)
	l.call(e, 300, 0.01)
	r.startController()
	r.await("node-1")
	testkit.Eventually(t, 30*time.Second, func() string {
		missing := 2 * len(e.outcomes)
		for _, c := range r.connections(l.prefix + "-*") {
			if c.GetClosed() != nil {
				missing -= halves(c)
			}
		}
		rows := r.lost()["flow-export: backlog-full"]
		if rows == 0 || missing <= 0 || uint64(missing) > rows {
			return fmt.Sprintf("%d halves are missing, and %d rows reported lost: %v", missing, rows, r.lost())
		}
		t.Logf("%d halves of %d connections are missing, %d rows reported lost", missing, len(e.outcomes), rows)
		return ""
	})
}

// halves is how many ends of a connection have reported it.
func halves(c *queryv1.Connection) int {
	if c.GetReporter() == "both" {
		return 2
	}
	return 1
}

// TestAgentRestarts takes the agent away while connections are open: the next one adopts them, and nothing is counted
// twice.
func TestAgentRestarts(t *testing.T) {
	t.Parallel()
	for name, signal := range map[string]syscall.Signal{"interrupt": syscall.SIGTERM, "kill": syscall.SIGKILL} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRoles(t)
			l := newLab(t, newPrefix("aa"), 2)
			agent := r.agent("node-1", l.places, oneBinary())
			r.await("node-1")
			e := l.serve(8080)
			before := l.allCounters()
			release := l.hold(e, 20)
			testkit.Eventually(t, 20*time.Second, func() string { return fewer(uint64(len(r.connections(l.prefix+"-*"))), 20) })
			agent.end(signal)
			r.agent("node-1", l.places, ownBinary(t))
			testkit.Eventually(t, 20*time.Second, func() string {
				if agents := r.status().GetAgents(); len(agents) != 1 || !agents[0].GetConnected() {
					return r.status().String()
				}
				return ""
			})
			r.await("node-1")
			l.call(e, 30, 0)
			release()
			testkit.Eventually(t, 60*time.Second, func() string { return r.unsettled(l, []*edge{e}) })
			connections := r.connections(l.prefix + "-*")
			requireBytes(t, []*edge{e}, connections)
			requireCounters(t, l, before, connections)
			require.Empty(t, r.lost())
		})
	}
}

// hold makes n connections that have moved data and stay open until the answer is called; then their outcomes join the
// edge's.
func (l *lab) hold(e *edge, n int) func() {
	l.t.Helper()
	cmd := l.in(e.client, python, "testdata/client.py")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	input, err := cmd.StdinPipe()
	require.NoError(l.t, err)
	out := new(lockedBuffer)
	cmd.Stdout = out
	require.NoError(l.t, cmd.Start())
	for range n {
		require.NoError(l.t, json.NewEncoder(input).Encode(job{Address: e.address, Port: e.port, Requests: 1, Bytes: 700, End: "hold"}))
		e.jobs = append(e.jobs, job{End: "close"})
	}
	outcomes := func() []outcome { return decodeLines[outcome](l.t, strings.NewReader(out.String())) }
	testkit.Eventually(l.t, 20*time.Second, func() string { return fewer(uint64(len(outcomes())), uint64(n)) })
	e.outcomes = append(e.outcomes, outcomes()...)
	return func() {
		require.NoError(l.t, input.Close())
		require.NoError(l.t, cmd.Wait())
	}
}

// TestScopes runs two agents on one kernel, each for a namespace of its own, and a third namespace that is nobody's:
// every connection is counted once, every end by the agent it belongs to.
func TestScopes(t *testing.T) {
	t.Parallel()
	r := newRoles(t)
	l := newLab(t, newPrefix("as"), 3)
	r.agent("node-a", l.places[:1], ownBinary(t))
	r.agent("node-b", l.places[2:], oneBinary())
	r.await("node-a")
	r.await("node-b")
	before := l.allCounters()
	inside := l.serve(8080)
	outside := &edge{client: l.places[1], server: inside.server, address: inside.address, port: inside.port}
	l.call(inside, 100, 0)
	l.call(outside, 40, 0)
	edges := []*edge{inside, outside}
	testkit.Eventually(t, 20*time.Second, func() string {
		ended := 0
		for _, c := range r.connections(inside.server.name) {
			if c.GetClosed() != nil {
				ended++
			}
		}
		return fewer(uint64(ended), 140)
	})
	reporters := map[string]int{}
	for _, c := range r.connections(inside.server.name) {
		reporters[c.GetClientName()+" → "+c.GetServerName()+" by "+c.GetReporter()]++
	}
	require.Equal(t, map[string]int{
		inside.client.name + " → " + inside.server.name + " by both":  100,
		outside.client.v4 + " → " + inside.server.name + " by server": 40,
	}, reporters)
	opened := l.allCounters()[inside.server.name]["TcpPassiveOpens"] - before[inside.server.name]["TcpPassiveOpens"]
	require.EqualValues(t, len(edges[0].outcomes)+len(edges[1].outcomes), opened)
	require.Equal(t, map[string]uint64{"node-a": 100, "node-b": 140}, r.seen(), "ends of connections, by node")
	require.Equal(t, map[string]string{
		inside.client.name: "node-a", inside.server.name: "node-b", outside.client.v4: "",
	}, r.nodes(l, outside.client))
}

// nodes gives the nodes of a lab's workloads, and of a place that is known by its address alone.
func (a *aeolus) nodes(l *lab, stranger *place) map[string]string {
	a.t.Helper()
	graph, err := a.client.GetGraph(a.t.Context(), &queryv1.GetGraphRequest{MaxNodes: 10_000})
	require.NoError(a.t, err)
	nodes := map[string]string{}
	for _, n := range graph.GetNodes() {
		if strings.HasPrefix(n.GetName(), l.prefix) || n.GetName() == stranger.v4 {
			nodes[n.GetName()] = strings.Join(n.GetNodes(), ",")
		}
	}
	return nodes
}

// seen is how many connections' ends each agent has seen.
func (a *aeolus) seen() map[string]uint64 {
	seen := map[string]uint64{}
	for _, agent := range a.status().GetAgents() {
		for _, stage := range agent.GetStages() {
			if stage.GetName() == "connections" {
				seen[agent.GetNode()] = stage.GetIn()
			}
		}
	}
	return seen
}
