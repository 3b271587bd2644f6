// SPDX-License-Identifier: Apache-2.0

package app

import (
	"strings"
	"testing"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

// TestSameAsTcpstates runs Debian's tcpstates beside Aeolus: of the connections that were closed, reset and refused both
// show the same.
func TestSameAsTcpstates(t *testing.T) {
	testkit.RequireRoot(t)
	l := newLab(t, newPrefix("at"), 2)
	a := up(t)
	states := startTracer(t, "tcpstates", "-w")
	e := l.serve(8080)
	for i := range 300 {
		j := job{Address: e.address, Port: e.port, Requests: 1, Bytes: 200, End: "close"}
		switch i % 10 {
		case 3:
			j.End = "reset"
		case 7:
			j = job{Address: e.address, Port: refusedPort}
		}
		e.jobs = append(e.jobs, j)
	}
	e.outcomes = l.runJobs(t.Context(), e.client, e.jobs)
	testkit.Eventually(t, 20*time.Second, func() string { return a.unsettled(l, []*edge{e}) })
	var ends []string
	for _, line := range states.stop() {
		if strings.Contains(line, "-> CLOSE ") {
			ends = append(ends, line)
		}
	}
	requireSameAsTracer(t, a.connections(l.prefix+"-*"), ends, e.client, e.server)
}
