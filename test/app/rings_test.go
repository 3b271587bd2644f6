// SPDX-License-Identifier: Apache-2.0

package app

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	queryv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/query/v1"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

// TestFullRings gives the rings a page each and stops their reader for ten seconds, while thousands of connections end
// and hundreds are refused: what the programs did is what is shown and what is reported lost, to the last one.
func TestFullRings(t *testing.T) {
	t.Parallel()
	r := newRoles(t)
	l := newLab(t, newPrefix("ap"), 2)
	// Without a controller an agent runs what its own flags say.
	r.controller.end(syscall.SIGTERM)
	agent := r.agent("node-1", l.places, ownBinary(t), "--sensor", "tcp:bulk_ring=4096,urgent_ring=4096")
	agent.awaitLinks()
	e := l.serve(8080)
	before := l.allCounters()

	stopped := time.Now()
	agent.signal(syscall.SIGSTOP)
	ok := l.runShort(e.client, job{Address: e.address, Port: e.port, Requests: 1, Bytes: 100, End: "close"}, 2, 1500)
	refused := l.runShort(e.client, job{Address: e.address, Port: refusedPort}, 2, 150)
	time.Sleep(time.Until(stopped.Add(10 * time.Second)))
	agent.signal(syscall.SIGCONT)
	r.startController()
	r.await("node-1")

	opened := l.counters(e.client)["TcpActiveOpens"] - before[e.client.name]["TcpActiveOpens"]
	require.EqualValues(t, len(ok)+len(refused), opened)
	// Nobody accepts what is refused: it has one end.
	ends := uint64(2*len(ok) + len(refused))
	testkit.Eventually(t, 30*time.Second, func() string {
		return r.unbalanced("ends of connections", ends, r.shownEnds(l), "tcp.bulk")
	})
	testkit.Eventually(t, 30*time.Second, func() string {
		return r.unbalanced("refused connects", uint64(len(refused)), r.shownEvents(l), "tcp.urgent")
	})
}

// unbalanced compares what happened with what is shown and what the stage of that name reports lost.
func (a *aeolus) unbalanced(what string, happened, shown uint64, stage string) string {
	a.t.Helper()
	lost := map[string]uint64{}
	sum := shown
	for _, agent := range a.status().GetAgents() {
		for _, s := range agent.GetStages() {
			if s.GetName() == stage {
				for cause, n := range s.GetDropped() {
					lost[cause] += n
					sum += n
				}
			}
		}
	}
	text := fmt.Sprintf("%d %s = %d shown + lost %v", happened, what, shown, lost)
	if sum != happened || lost["ring-full"] == 0 {
		return "expected " + text
	}
	a.t.Log(text)
	return ""
}

func (a *aeolus) shownEnds(l *lab) uint64 {
	ends := 0
	for _, c := range a.connections(l.prefix + "-*") {
		if c.GetClosed() != nil {
			ends += halves(c)
		}
	}
	return uint64(ends)
}

func (a *aeolus) shownEvents(l *lab) uint64 {
	a.t.Helper()
	answer, err := a.client.ListEvents(a.t.Context(), &queryv1.ListEventsRequest{
		Filter: &queryv1.Filter{Workload: l.prefix + "-*"}, Kinds: []string{"connect.refused"}, Limit: 100_000,
	})
	require.NoError(a.t, err)
	return uint64(len(answer.GetEvents()))
}

// awaitLinks waits until an agent that has no controller to ask has attached what it will: until the number of its BPF
// links has stayed the same for a second.
func (r *role) awaitLinks() {
	r.t.Helper()
	known, since := 0, time.Now()
	testkit.Eventually(r.t, 30*time.Second, func() string {
		if links := r.links(); links != known {
			known, since = links, time.Now()
		}
		if known == 0 || time.Since(since) < time.Second {
			return fmt.Sprintf("%d BPF links: %s", known, r.out)
		}
		return ""
	})
}

func (r *role) links() int {
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/fdinfo/*", r.cmd.Process.Pid))
	require.NoError(r.t, err)
	links := 0
	for _, file := range files {
		if text, err := os.ReadFile(file); err == nil && bytes.Contains(text, []byte("\nlink_type:")) {
			links++
		}
	}
	return links
}
