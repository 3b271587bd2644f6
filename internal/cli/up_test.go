// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/timestamppb"

	queryv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/query/v1"
	"github.com/aeolus-ebpf/aeolus/internal/controller/store/archive"
	"github.com/aeolus-ebpf/aeolus/internal/controller/store/metrics"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

// start runs a command until the returned function ends it as Ctrl-C does.
func start(t *testing.T, args ...string) (out, errs *pipe, stop func() int) {
	t.Helper()
	out, errs = new(pipe), new(pipe)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan int, 1)
	go func() {
		done <- Main(ctx, args, Params{Out: out, Err: errs, Getenv: getenv(nil), Now: time.Now, Location: time.UTC})
	}()
	return out, errs, func() int {
		cancel()
		return <-done
	}
}

func TestUp_reportsAndIsAsked(t *testing.T) {
	testkit.RequireRoot(t)
	directory := t.TempDir()
	runDir, data := filepath.Join(directory, "run"), filepath.Join(directory, "data")
	t.Chdir(directory)
	out, errs, stop := start(t, "up", "--data-dir", data, "--run-dir", "run", "--listen", "127.0.0.1:0", "--token", "given", "--node", "here")
	testkit.Eventually(t, 30*time.Second, out.has("\n  or "))
	require.Empty(t, errs.String())
	for _, line := range []string{
		`^aeolus \S+ on kernel `, `watches    every TCP connection of this host, as node here\n`, `runs       sensor \S+: (running|degraded)`,
		`kernel     \d+ kernel features work`, `scrape     http://127\.0\.0\.1:\d+/metrics\n`,
		`keeps      history (from now on|since \d\d:\d\d:\d\d) \(at most 7 d, 2 GB\) and metrics \(3 d, 4\.3 GB\) in ` + regexp.QuoteMeta(data) + `\n`,
		`prometheus http://127\.0\.0\.1:\d+, with the token: for Grafana and promtool\n`,
		`takes      there too: remote write at /api/v1/write, OTLP at /v1/metrics and /v1/logs\n`, `look       http://127\.0\.0\.1:\d+/\?token=given\n`,
		`or         aeolus edges -f --controller ` + regexp.QuoteMeta(filepath.Join(runDir, socketName)) + `\n`,
	} {
		require.Regexp(t, line, out.String())
	}
	page := regexp.MustCompile(`http://127\S+\?token=given`).FindString(out.String())
	for _, where := range []string{filepath.Join(runDir, socketName), page} {
		got := run(t, nil, "edges", "--own", "-o", "json", "--controller", where)
		require.Equal(t, exitOK, got.code, got.err)
	}
	require.Equal(t, exitOK, stop())
	require.NoDirExists(t, runDir)
}

func TestControllerAndAgent_apart(t *testing.T) {
	testkit.RequireRoot(t)
	directory := t.TempDir()
	path := func(name string) string { return filepath.Join(directory, name) }
	controller := func(agents string) (*pipe, func() int) {
		out, _, stop := start(t, "controller", "--data-dir", path("data"), "--run-dir", path("run"), "--listen", "127.0.0.1:0", "--agents", agents)
		testkit.Eventually(t, 10*time.Second, out.has("  or "))
		return out, stop
	}
	out, stopController := controller("127.0.0.1:0")
	agents := regexp.MustCompile(`agents +(\S+)`).FindStringSubmatch(out.String())[1]
	got := run(t, nil, "certificate", "agent", "node-1", "--data-dir", path("data"), "--out", path("node"))
	require.Equal(t, exitOK, got.code, got.err)
	file := path("agent.yaml")
	require.NoError(t, os.WriteFile(file, []byte("controller: "+agents+"\ntls-certificate: "+path("node/agent.crt")+"\ntls-key: "+
		path("node/agent.key")+"\ntls-authority: "+path("node/ca.crt")+"\n"), 0o600))
	_, said, stopAgent := start(t, "agent", "--config", file)
	attached := func() string {
		a := &app{Params: Params{Getenv: getenv(nil)}}
		status, err := a.dialSocket(filepath.Join(path("run"), socketName)).GetStatus(t.Context(), &queryv1.GetStatusRequest{})
		if err != nil {
			return err.Error()
		}
		if !answered(status) || status.GetAgents()[0].GetNode() != "node-1" || !status.GetAgents()[0].GetConnected() {
			return status.String() + said.String()
		}
		return ""
	}
	testkit.Eventually(t, 20*time.Second, attached)
	require.Equal(t, exitOK, stopController())
	_, stopController = controller(agents)
	testkit.Eventually(t, 30*time.Second, attached)
	require.Equal(t, exitOK, stopAgent())
	require.Equal(t, exitOK, stopController())
}

func TestReport_withoutFeatures(t *testing.T) {
	var out pipe
	a := &app{Params: Params{Out: &out, Getenv: getenv(nil)}}
	upReport{status: &queryv1.Status{Version: "v1", Agents: []*queryv1.Agent{{
		Node: "n", Scope: "cgroup:/x", Features: []*queryv1.Feature{
			{Name: "btf", Verdict: "yes"},
			{Name: "iter/task_file", Verdict: "no", Error: "not supported\nlong log", Without: "Older connections stay unseen."},
			{Name: "cgroup v2", Verdict: "unknown", Error: "not permitted", Without: "Owners come from elsewhere."},
			{Name: "fentry", Verdict: "no", Error: "denied", Without: "Built-in sensors do not need it."},
		},
		Assignments: []*queryv1.Assignment{{Id: "tcp", State: "degraded", Reason: "no walk"}},
	}}}, page: "http://x/?token=t", http: "x", socket: "/s", defaults: true, kept: kept{directory: "/d", metrics: metrics.Config{URL: "http://y"}}}.write(a)
	require.Regexp(t, `^aeolus v1 on kernel .*

  watches    every TCP connection of cgroup:/x, as node n
  runs       sensor tcp: degraded, no walk
  without    iter/task_file: Older connections stay unseen\. \(not supported\)
  unknown    cgroup v2: Owners come from elsewhere\. \(not permitted\)
  kernel     1 kernel feature works; 1 that nothing here needs do not \(aeolus doctor lists them\)
  keeps      no history in /d; metrics are asked of the server that --metrics-url names
  prometheus http://x, with the token: for Grafana and promtool
  takes      there too: OTLP at /v1/logs
  look       http://x/\?token=t
  or         aeolus edges -f

$`, out.String())
}

func TestAnomalyLine(t *testing.T) {
	a := &app{Params: Params{Location: time.UTC}}
	answers := new(fake).anomalies().GetAnomalies()
	require.Equal(t, "12:04:11  opened  checkout → payment: payment refuses 94 % of checkout's connects since 12:04:11", a.anomalyLine(answers[1]))
	require.Equal(t, "11:56:31  ended   front → catalogue: latency, after 2 min", a.anomalyLine(answers[0]))
}

func TestKept_words(t *testing.T) {
	a := &app{Params: Params{Location: time.UTC, Now: func() time.Time { return now }}}
	k := kept{directory: "/d", metrics: metrics.Config{Retention: 72 * time.Hour, RetentionBytes: 4 << 30},
		archive: archive.Config{Directory: "/d/archive", RetentionTime: 168 * time.Hour, RetentionBytes: 2e9}}
	for _, c := range []struct {
		oldest time.Time
		want   string
	}{
		{time.Time{}, "history from now on (at most 7 d, 2 GB) and metrics (3 d, 4.3 GB) in /d"},
		{now.Add(-time.Hour), "history since 11:04:31 (at most 7 d, 2 GB) and metrics (3 d, 4.3 GB) in /d"},
		{now.Add(-24 * time.Hour), "history since 2026-01-30 12:04 (at most 7 d, 2 GB) and metrics (3 d, 4.3 GB) in /d"},
	} {
		history := new(queryv1.History)
		if !c.oldest.IsZero() {
			history.Oldest = timestamppb.New(c.oldest)
		}
		require.Equal(t, c.want, k.words(a, history))
	}
	k.metrics = metrics.Config{URL: "http://a", WriteURL: "http://b"}
	answers, takes := k.machines("h:1")
	require.Equal(t, "http://h:1, with the token: for Grafana and promtool", answers)
	require.Equal(t, "there too: remote write at /api/v1/write, OTLP at /v1/logs", takes)
}
