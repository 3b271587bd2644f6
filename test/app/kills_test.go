// SPDX-License-Identifier: Apache-2.0

package app

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite" // reads a copy of the state as a foreign program does

	queryv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/query/v1"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

// TestKills kills each role again and again, at random times while connections are made. After each nothing on the disk is
// torn; in the end all that was seen is there, once, but for what is said to be missing.
func TestKills(t *testing.T) {
	s := newStack(t, "ak", 2)
	random := seed(t)
	times := 3
	if testkit.Full() {
		times = 34
	}
	traffic := s.flow(40, 10)
	var blind []span
	var killed []time.Time
	roles := map[string]func(){
		"controller": func() {
			killed = append(killed, time.Now())
			s.controller.end(syscall.SIGKILL)
			requireWhole(t, s.data())
			s.startController()
		},
		"collector": func() {
			s.collector.end(syscall.SIGKILL)
			s.startCollector()
		},
		"agent": func() {
			away := span{from: time.Now().Add(-5 * time.Second)}
			before := s.agentID("node-1")
			s.watching.end(syscall.SIGKILL)
			s.startAgent()
			testkit.Eventually(t, 30*time.Second, func() string {
				if s.agentID("node-1") == before {
					return "the new agent is not there"
				}
				return ""
			})
			s.await("node-1")
			away.to = time.Now().Add(time.Second)
			blind = append(blind, away)
		},
	}
	var order []string
	for name := range roles {
		for range times {
			order = append(order, name)
		}
	}
	random.Shuffle(len(order), func(i, k int) { order[i], order[k] = order[k], order[i] })
	for n, name := range order {
		wait := time.Duration(500+random.IntN(4000)) * time.Millisecond
		if testkit.Full() && n%12 == 11 {
			// Long enough for what is in memory to be written.
			wait += 75 * time.Second
		}
		time.Sleep(wait)
		t.Logf("%d: kill -9 of the %s", n+1, name)
		roles[name]()
		s.await("node-1")
		require.NotEmpty(t, s.vector(`count({__name__=~".+"})`, time.Now()), "the metrics answer")
	}
	time.Sleep(2 * time.Second)
	traffic.program.stop()
	gaps := s.requireAccount(traffic, blind)
	requireGaps(t, gaps, killed)
	s.requireCounted(traffic, blind)
	for _, name := range []string{"edges", "flows"} {
		broken, err := filepath.Glob(filepath.Join(s.data(), "archive", name+"*broken*"))
		require.NoError(t, err)
		require.Empty(t, broken)
	}
}

// agentID is what the agent of a node calls itself since it was started.
func (a *aeolus) agentID(node string) string {
	for _, agent := range a.status().GetAgents() {
		if agent.GetNode() == node {
			return agent.GetAgentId()
		}
	}
	return ""
}

// requireAccount compares with the program's account, once everything that still comes has come.
func (s *stack) requireAccount(traffic *steady, blind []span) (gaps []span) {
	s.t.Helper()
	var text string
	var listed []*queryv1.Connection
	testkit.Eventually(s.t, 60*time.Second, func() string {
		listed, gaps = s.listed(traffic.server.name, traffic.begun)
		missing := traffic.compare(s, listed, append(append([]span{}, blind...), gaps...)...)
		rest := unexplained(missing, append(gaps, blind...))
		text = fmt.Sprintf("%d connections made, %d listed, %d missing of which %d are not explained; gaps %v", len(traffic.account(s)), len(listed),
			len(missing), len(rest), gaps)
		if len(rest) > 0 {
			opened, _ := rest[0].at()
			return text + "; the first at " + opened.UTC().Format("15:04:05.000")
		}
		return ""
	})
	s.t.Log(text)
	return gaps
}

// requireGaps holds that what is said to be missing is the head of a controller that was killed, and no more.
func requireGaps(t *testing.T, gaps []span, killed []time.Time) {
	t.Helper()
	const head = 90 * time.Second
	for _, gap := range gaps {
		// One that is killed within a minute of its start has written nothing: its gap touches that of the one before.
		at := gap.from
		for _, kill := range killed {
			if (span{kill.Add(-head), kill.Add(5 * time.Second)}).holds(at) {
				at = kill.Add(5 * time.Second)
			}
		}
		require.True(t, at.After(gap.to), "%v is more than the heads of those that were killed at %v", gap, killed)
	}
}

// requireCounted compares what the metrics have counted with the program's account. What a collector that was killed had
// not passed on, a second's worth, is missing; nothing is counted twice.
func (s *stack) requireCounted(traffic *steady, blind []span) {
	s.t.Helper()
	account := traffic.account(s)
	seen := 0
	for i := range account {
		opened, closed := account[i].at()
		explained := false
		for _, b := range blind {
			explained = explained || b.holds(opened) || b.holds(closed)
		}
		if !explained {
			seen++
		}
	}
	selector := fmt.Sprintf(`aeolus_edge_connections_opened_total{source_workload=%q,destination_workload=%q}`, traffic.client.name, traffic.server.name)
	testkit.Eventually(s.t, 60*time.Second, func() string {
		counted := s.counted(selector, time.Since(traffic.begun)+time.Minute)
		text := fmt.Sprintf("%.0f connections counted of %d that were made, %d of them while an agent watched", counted, len(account), seen)
		if counted > float64(len(account)) {
			require.Fail(s.t, "counted more than there was", text)
		}
		if counted < 0.75*float64(seen) {
			return text
		}
		s.t.Log(text)
		return ""
	})
}

// requireWhole looks at what a controller that was killed has left, as foreign programs do.
func requireWhole(t *testing.T, data string) {
	t.Helper()
	segments, err := filepath.Glob(filepath.Join(data, "archive", "*.parquet"))
	require.NoError(t, err)
	for _, path := range segments {
		file, err := os.Open(path)
		require.NoError(t, err)
		info, err := file.Stat()
		require.NoError(t, err)
		_, err = parquet.OpenFile(file, info.Size())
		require.NoError(t, err, path)
		require.NoError(t, file.Close())
	}
	// A look changes the write-ahead log: it is taken at a copy.
	copied := t.TempDir()
	for _, name := range []string{"state.db", "state.db-wal"} {
		content, err := os.ReadFile(filepath.Join(data, name))
		if os.IsNotExist(err) {
			continue
		}
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(copied, name), content, 0o600))
	}
	db, err := sql.Open("sqlite", filepath.Join(copied, "state.db"))
	require.NoError(t, err)
	var verdict string
	require.NoError(t, db.QueryRowContext(t.Context(), "PRAGMA integrity_check").Scan(&verdict))
	require.Equal(t, "ok", verdict)
	require.NoError(t, db.Close())
}
