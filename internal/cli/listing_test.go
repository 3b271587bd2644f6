// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	queryv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/query/v1"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

func TestListings_golden(t *testing.T) {
	where := new(fake).start(t)
	for _, command := range []string{"edges", "connections", "events", "anomalies"} {
		for _, output := range formats {
			t.Run(command+"/"+output, func(t *testing.T) {
				got := run(t, nil, command, where, "-o", output)
				require.Equal(t, exitOK, got.code, got.err)
				golden(t, command+"."+output+".golden", got.out)
			})
		}
	}
}

func TestListings_empty(t *testing.T) {
	where := (&fake{empty: true}).start(t)
	for _, command := range []string{"edges", "connections", "events", "anomalies"} {
		got := run(t, nil, command, where)
		require.Equal(t, exitOK, got.code)
		require.Empty(t, got.out)
		require.Contains(t, got.err, "aeolus: no "+command)
		require.NotEmpty(t, run(t, nil, command, where, "-o", "json").out, "machines get an object always")
	}
}

func TestListings_passFilters(t *testing.T) {
	f := new(fake)
	where := f.start(t)
	common := []string{where, "--client=a", "--server=b*", "--namespace=shop", "--port=443", "--unhealthy", "--own", "--workload=w", "--edge=e", "--text=t", "--limit=7"}
	filter := &queryv1.Filter{Client: "a", Server: "b*", Namespace: "shop", Port: 443, Unhealthy: true, Own: true, Workload: "w", EdgeId: "e", Text: "t"}
	ask := func(args ...string) proto.Message {
		got := run(t, nil, append(args, common...)...)
		require.Equal(t, exitOK, got.code, got.err)
		return f.asked().(proto.Message)
	}
	require.True(t, proto.Equal(filter, ask("edges").(*queryv1.GetGraphRequest).GetFilter()))
	want := &queryv1.ListConnectionsRequest{Filter: filter, Failed: true, Closed: true, Limit: 7}
	require.True(t, proto.Equal(want, ask("connections", "--failed")))
	events := ask("events", "--kind=connection,edge.new", "--since=5m")
	require.True(t, proto.Equal(&queryv1.ListEventsRequest{Filter: filter, Limit: 7, Since: at(5 * time.Minute),
		Kinds: []string{"connection.reset", "edge.new"}}, events), "%v", events)
	require.True(t, proto.Equal(&queryv1.ListAnomaliesRequest{Filter: filter, Ended: true, Limit: 7}, ask("anomalies", "--ended")))
}

func TestListings_since(t *testing.T) {
	where := new(fake).start(t)
	got := run(t, nil, "anomalies", where, "--ended", "--since=2026-01-31T12:00:00Z", "-o=json")
	require.NotContains(t, got.out, `"a0"`)
	require.Contains(t, got.out, `"a1"`)
}

func TestSession_relativePaths(t *testing.T) {
	t.Chdir(t.TempDir())
	require.NoError(t, os.Mkdir("run", 0o700))
	defer new(fake).serve(t, filepath.Join("run", socketName))()
	for _, where := range []string{"run/" + socketName, "./run/" + socketName, "unix://run/" + socketName, "run/../run/" + socketName} {
		require.Equal(t, exitOK, run(t, nil, "edges", "--controller", where).code, where)
	}
	t.Chdir("run")
	require.Equal(t, exitOK, run(t, nil, "edges", "--controller", socketName).code)
	require.Equal(t, exitUsage, run(t, nil, "edges", "--controller", "nothing").code)
}

func TestSession_errorsSayWhatToDo(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "none.sock")
	got := run(t, map[string]string{"AEOLUS_CONTROLLER": missing}, "edges")
	require.Equal(t, result{code: exitFailure, err: "aeolus: asking the controller at " + missing +
		": no such file or directory (no controller runs there: start one with aeolus up, or name another with --controller)\n"}, got)

	got = run(t, nil, "edges", "--controller=r1/none.sock")
	require.Contains(t, got.err, "asking the controller at r1/none.sock: no such file or directory (no controller runs there")

	where := (&fake{token: "secret"}).start(t)
	got = run(t, nil, "edges", where)
	require.Equal(t, exitFailure, got.code)
	require.Contains(t, got.err, "(give the token that the controller printed, with --token or AEOLUS_TOKEN)")
	require.Equal(t, exitFailure, run(t, nil, "edges", "-f", where).code, "a wrong token is not tried again")
	require.Equal(t, exitOK, run(t, map[string]string{"AEOLUS_TOKEN": "secret"}, "edges", where).code)
	require.Equal(t, exitOK, run(t, nil, "edges", where, "--token=secret").code)
}

// pipe collects output that a test reads while the command runs.
type pipe struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (p *pipe) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.Write(b)
}

func (p *pipe) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.String()
}

func (p *pipe) has(text string) func() string {
	return func() string {
		if strings.Contains(p.String(), text) {
			return ""
		}
		return "no " + text + " in:\n" + p.String()
	}
}

func TestFollow_outlivesARestart(t *testing.T) {
	for command, item := range map[string]string{"edges": `"id":"e2"`, "events": `"id":"n1-2"`, "anomalies": `"id":"a1"`, "connections": `"id":"c2"`} {
		t.Run(command, func(t *testing.T) {
			socket := filepath.Join(t.TempDir(), "s")
			first := new(fake)
			stop := first.serve(t, socket)
			var out, errs pipe
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			done := make(chan int, 1)
			go func() {
				done <- Main(ctx, []string{command, "-f", "-o=json", "--controller=" + socket}, Params{Out: &out, Err: &errs,
					Getenv: getenv(nil), Now: func() time.Time { return now }, Location: time.UTC})
			}()
			testkit.Eventually(t, 10*time.Second, out.has(item))
			stop()
			testkit.Eventually(t, 10*time.Second, errs.has("lost the controller"))
			defer new(fake).serve(t, socket)()
			testkit.Eventually(t, 10*time.Second, errs.has("is back"))
			cancel()
			require.Equal(t, exitOK, <-done)
			if command != "connections" {
				require.Equal(t, 1, strings.Count(out.String(), item), "what is repeated after a reconnect is shown once")
			}
			for line := range strings.Lines(out.String()) {
				require.Regexp(t, `^\{.*\}\n$`, line, "one object a line")
			}
		})
	}
}

func TestFollow_tables(t *testing.T) {
	where := new(fake).start(t)
	for _, command := range []string{"edges", "connections", "events", "anomalies"} {
		t.Run(command, func(t *testing.T) {
			var out, errs pipe
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			done := make(chan int, 1)
			go func() {
				done <- Main(ctx, []string{command, "-f", where}, Params{Out: &out, Err: &errs,
					Getenv: getenv(nil), Now: func() time.Time { return now }, Location: time.UTC})
			}()
			testkit.Eventually(t, 10*time.Second, out.has("payment"))
			cancel()
			require.Equal(t, exitOK, <-done)
			golden(t, command+".follow.golden", out.String())
		})
	}
}

func TestFollow_failsAtOnceWhereNothingIs(t *testing.T) {
	got := run(t, nil, "events", "-f", "--controller="+filepath.Join(t.TempDir(), "none"))
	require.Equal(t, exitFailure, got.code)
	require.Contains(t, got.err, "no controller runs there")
}
