// SPDX-License-Identifier: Apache-2.0

package app

import (
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	queryv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/query/v1"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

// oneCPU is where the short connections, their server and the flood run: they get in each other's way there.
const oneCPU = "0"

// TestShortConnections makes 10,000 connections of about a millisecond beside a UDP flood on the same CPU: every one is
// shown, with its bytes, and the totals are those of the kernel and of Debian's tcplife.
func TestShortConnections(t *testing.T) {
	testkit.RequireRoot(t)
	const clients, each = 4, 2500
	l := newLab(t, "as"+strconv.FormatInt(time.Now().UnixNano()%100000, 10), 2)
	client, server := l.places[0], l.places[1]
	a := up(t)
	life := startTracer(t, "tcplife", "-w")
	before := l.allCounters()

	drawn := &edge{client: client, server: server, address: server.v4, port: 8080}
	l.daemon(server, "taskset", "-c", oneCPU, python, "testdata/server.py", "4", "8080")
	l.awaitListener(drawn)
	flood := l.daemon(client, "taskset", "-c", oneCPU, python, "testdata/flood.py", server.v4, "9")
	drawn.outcomes = l.runShort(client, job{Address: server.v4, Port: 8080, Requests: 1, Bytes: 100, End: "close"}, clients, each)
	flood.stop()
	drawn.jobs = make([]job, len(drawn.outcomes))
	for i := range drawn.jobs {
		drawn.jobs[i].End = "close"
	}

	edges := []*edge{drawn}
	if !a.settle(t, l, edges) {
		return
	}
	connections := a.connections(l.prefix + "-*")
	requireBytes(t, edges, connections)
	requireCounters(t, l, before, connections)
	requireSameAsTracer(t, connections, life.stop(), client, server)
}

// runShort runs the same job over and over in several clients at once.
func (l *lab) runShort(p *place, j job, clients, each int) []outcome {
	l.t.Helper()
	jobs := make([]job, each)
	for i := range jobs {
		jobs[i] = j
	}
	parts := make([][]outcome, clients)
	var all sync.WaitGroup
	for i := range parts {
		all.Go(func() { parts[i] = l.runJobs(l.t.Context(), p, jobs, "taskset", "-c", oneCPU) })
	}
	all.Wait()
	var outcomes []outcome
	for _, part := range parts {
		outcomes = append(outcomes, part...)
	}
	return outcomes
}

// tracer is one of Debian's libbpf-tools at work.
type tracer struct {
	t   *testing.T
	cmd *exec.Cmd
	out *lockedBuffer
}

// startTracer starts a tool and waits until it has printed its heading: then it is attached.
func startTracer(t *testing.T, name string, args ...string) *tracer {
	t.Helper()
	r := &tracer{t: t, out: new(lockedBuffer)}
	r.cmd = exec.Command("stdbuf", append([]string{"-oL", name}, args...)...)
	r.cmd.Stdout, r.cmd.Stderr = r.out, r.out
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	require.NoError(t, r.cmd.Start())
	t.Cleanup(func() { _ = r.cmd.Process.Kill() })
	testkit.Eventually(t, 20*time.Second, func() string {
		if !strings.Contains(r.out.String(), "LADDR") {
			return name + " has not started: " + r.out.String()
		}
		return ""
	})
	return r
}

// stop ends the tool as Ctrl-C does, which makes it print what it still holds, and returns its lines.
func (r *tracer) stop() []string {
	r.t.Helper()
	require.NoError(r.t, r.cmd.Process.Signal(syscall.SIGINT))
	_ = r.cmd.Wait() // it ends by the signal
	return strings.Split(strings.TrimSpace(r.out.String()), "\n")
}

// lostByTracer is what libbpf-tools say when their own buffer was full.
var lostByTracer = regexp.MustCompile(`lost (\d+) events`)

// requireSameAsTracer compares the connections that ended, as the client's side names them. A busy machine makes the tool
// lose some; it says how many, and no more than those may be missing in what it saw.
func requireSameAsTracer(t *testing.T, connections []*queryv1.Connection, output []string, client, server *place) {
	t.Helper()
	want, got := map[string]int{}, map[string]int{}
	lost := 0
	for _, line := range output {
		if said := lostByTracer.FindStringSubmatch(line); said != nil {
			n, err := strconv.Atoi(said[1])
			require.NoError(t, err)
			lost += n
		}
		fields := strings.Fields(line)
		for i := range max(0, len(fields)-3) {
			if fields[i] == client.v4 && fields[i+2] == server.v4 {
				want[fmt.Sprintf("%s:%s → %s:%s", fields[i], fields[i+1], fields[i+2], fields[i+3])]++
			}
		}
	}
	for _, c := range connections {
		got[c.GetClientAddress()+" → "+c.GetServerAddress()]++
	}
	require.NotEmpty(t, want)
	if lost == 0 {
		require.Equal(t, want, got)
		return
	}
	missed := 0
	for connection, n := range want {
		require.LessOrEqual(t, n, got[connection], connection)
	}
	for connection, n := range got {
		missed += n - want[connection]
	}
	t.Logf("the tool lost %d events of all connections of the host; %d of these connections are not in what it saw", lost, missed)
	require.LessOrEqual(t, missed, lost)
}
