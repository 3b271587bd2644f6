// SPDX-License-Identifier: Apache-2.0

package app

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/timestamppb"

	queryv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/query/v1"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

// resident is how many bytes of memory a role has now.
func (r *role) resident() uint64 {
	r.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", r.cmd.Process.Pid))
	require.NoError(r.t, err)
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); fields[0] == "RssAnon:" {
			kilobytes, err := strconv.ParseUint(fields[1], 10, 64)
			require.NoError(r.t, err)
			return kilobytes << 10
		}
	}
	require.Fail(r.t, "no RssAnon", "%s", text)
	return 0
}

// page gets what somebody shows to everybody.
func page(t *testing.T, address string) string {
	t.Helper()
	response, err := http.Get("http://" + address + "/metrics")
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return string(text)
}

// TestControllerLongAway takes the controller away for longer than anybody can hold reports in memory: the collector puts
// them on its disk. When it is back, every connection is there once, events with the times at which they happened, and the
// metrics have counted everything.
func TestControllerLongAway(t *testing.T) {
	away := 40 * time.Second
	if testkit.Full() {
		away = 10 * time.Minute
	}
	s := newStack(t, "aw", 2)
	traffic := s.flow(60, 6)
	testkit.Eventually(t, 30*time.Second, func() string {
		return fewer(uint64(len(s.connections(s.l.prefix+"-*"))), 100)
	})
	began := span{from: time.Now()}
	s.controller.end(syscall.SIGTERM)
	most := [2]uint64{}
	for time.Since(began.from) < away {
		time.Sleep(time.Second)
		most[0], most[1] = max(most[0], s.collector.resident()), max(most[1], s.watching.resident())
	}
	began.to = time.Now()
	t.Logf("while the controller was away for %s, the collector had at most %d MiB, the agent %d MiB", away, most[0]>>20, most[1]>>20)
	require.Less(t, most[0], uint64(300<<20))
	require.Less(t, most[1], uint64(80<<20))
	s.startController()
	s.await("node-1")
	time.Sleep(3 * time.Second)
	traffic.program.stop()
	s.requireAccount(traffic, nil)
	require.Empty(t, s.lost())

	account := traffic.account(s)
	s.requireEvents(account, began)
	selector := fmt.Sprintf(`aeolus_edge_connections_opened_total{source_workload=%q,destination_workload=%q}`, traffic.client.name, traffic.server.name)
	testkit.Eventually(t, 90*time.Second, func() string {
		counted := s.counted(selector, time.Since(traffic.begun)+time.Minute)
		if counted != float64(len(account)) {
			return fmt.Sprintf("the metrics have counted %.0f of %d", counted, len(account))
		}
		return ""
	})
	for line := range strings.Lines(page(t, s.told)) {
		if strings.HasPrefix(line, "otelcol_exporter_enqueue_failed") || strings.HasPrefix(line, "otelcol_exporter_send_failed") ||
			strings.HasPrefix(line, "otelcol_exporter_queue") {
			t.Log(strings.TrimSpace(line))
		}
	}
}

// requireEvents holds that each refused connect has an event of its own, with the time at which it happened.
func (s *stack) requireEvents(account []made, away span) {
	s.t.Helper()
	var refused []time.Time
	for i := range account {
		if account[i].Result == "refused" {
			opened, _ := account[i].at()
			refused = append(refused, opened)
		}
	}
	request := &queryv1.ListEventsRequest{
		Filter: &queryv1.Filter{Workload: s.l.prefix + "-*"}, Kinds: []string{"connect.refused"}, Limit: 10_000,
		Since: timestamppb.New(refused[0].Add(-time.Second)), To: timestamppb.Now(),
	}
	answer, err := s.client.ListEvents(s.t.Context(), request)
	require.NoError(s.t, err)
	require.Len(s.t, answer.GetEvents(), len(refused))
	within := 0
	for i, event := range answer.GetEvents() {
		at := event.GetTime().AsTime()
		require.WithinDuration(s.t, refused[i], at, 500*time.Millisecond)
		if away.holds(at) {
			within++
		}
	}
	require.NotZero(s.t, within)
	s.t.Logf("%d events, %d of them while the controller was away", len(refused), within)
}
