// SPDX-License-Identifier: Apache-2.0

package app

import (
	"encoding/json"
	"math"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	queryv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/query/v1"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

// opensOf asks for the map of a stretch of time, and gives how many connections were opened along an edge.
func (a *aeolus) opensOf(e *edge, from, to time.Time) (int, *queryv1.Graph) {
	a.t.Helper()
	graph, err := a.client.GetGraph(a.t.Context(), &queryv1.GetGraphRequest{
		Filter: &queryv1.Filter{Client: e.client.name, Server: e.server.name}, At: timestamppb.New(to), Window: durationpb.New(to.Sub(from)),
	})
	require.NoError(a.t, err)
	seconds := graph.GetWindow().AsDuration()
	for _, gap := range graph.GetGaps() {
		begin, end := gap.GetFrom().AsTime(), gap.GetTo().AsTime()
		if begin.Before(from) {
			begin = from
		}
		seconds -= end.Sub(begin)
	}
	opens := 0.0
	for _, drawn := range graph.GetEdges() {
		opens += drawn.GetFigures().GetOpensPerSecond() * seconds.Seconds()
	}
	return int(math.Round(opens)), graph
}

// TestPastOutlivesAKill kills the controller: the map of before is there afterwards, live and looked back at, and what was
// in memory alone is said to be lost.
func TestPastOutlivesAKill(t *testing.T) {
	t.Parallel()
	r := newRoles(t)
	l := newLab(t, newPrefix("ap"), 2)
	r.agent("node-1", l.places, ownBinary(t))
	r.await("node-1")
	e := l.serve(8080)
	begin := time.Now().Truncate(10 * time.Second)
	l.call(e, 60, 0.02)
	refused := &edge{client: e.client, server: e.server, address: e.address, port: 9}
	l.call(refused, 3, 0)
	end := time.Now().Add(12 * time.Second).Truncate(10 * time.Second)
	testkit.Eventually(t, 40*time.Second, func() string {
		if time.Now().Before(end) {
			return "the time that will be looked back at is not over"
		}
		listed := r.asked("connections", "--from", begin.Format(time.RFC3339), "--server", e.server.name, "--limit", "1000")
		return fewer(uint64(len(listed["connections"].([]any))), 63)
	})

	segments := filepath.Join(r.dir, "data", "archive", "*.parquet")
	t.Log("waiting for what was seen to be sealed")
	testkit.Eventually(t, 150*time.Second, func() string {
		found, err := filepath.Glob(segments)
		require.NoError(t, err)
		for _, table := range []string{"edges", "flows", "events"} {
			if !strings.Contains(strings.Join(found, " "), table) {
				return "no segment of " + table + " yet: " + strings.Join(found, " ")
			}
		}
		return ""
	})
	l.call(e, 20, 0)
	killed := time.Now()
	r.controller.end(syscall.SIGKILL)
	r.startController()

	opens, graph := r.opensOf(e, begin, end)
	require.Equal(t, 63, opens, "the map of before: %v", graph)
	require.Len(t, graph.GetNodes(), 2)
	require.NotEmpty(t, r.edges(l.prefix+"-*"), "the live map begins with what was known")
	history := r.status().GetArchive()
	var said []string
	for _, gap := range history.GetGaps() {
		said = append(said, gap.GetReason())
		if !gap.GetTo().AsTime().Before(killed.Add(-5*time.Second)) && !gap.GetFrom().AsTime().After(killed) {
			require.Contains(t, gap.GetReason(), "killed")
		}
	}
	require.NotEmpty(t, said, "what the head held is said to be lost")

	at := end.Format(time.RFC3339)
	listed := r.asked("connections", "--from", begin.Format(time.RFC3339), "--to", at, "--server", e.server.name, "--limit", "1000")
	require.Len(t, listed["connections"], 63)
	events := r.asked("events", "--from", begin.Format(time.RFC3339), "--to", at, "--server", e.server.name)
	require.Len(t, events["events"], 3)
}

// asked runs a command of the command line against the controller, and gives its answer.
func (r *roles) asked(args ...string) map[string]any {
	r.t.Helper()
	args = append(args, "--controller", filepath.Join(r.dir, "run", "aeolus.sock"), "-o", "json")
	out, err := exec.Command(binary, args...).Output()
	require.NoError(r.t, err, "aeolus %v", args)
	answer := map[string]any{}
	require.NoError(r.t, json.Unmarshal(out, &answer))
	return answer
}
