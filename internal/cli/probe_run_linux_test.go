// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

// runRoot runs the command line as root, and does something meanwhile, again and again.
func runRoot(t *testing.T, ctx context.Context, meanwhile func(), args ...string) result {
	t.Helper()
	testkit.RequireRoot(t)
	var out, errs bytes.Buffer
	done := make(chan int, 1)
	go func() {
		done <- Main(ctx, args, Params{
			In: strings.NewReader(""), Out: &out, Err: &errs, Getenv: getenv(nil), Now: time.Now, Location: time.UTC, Root: true,
		})
	}()
	deadline := time.After(30 * time.Second)
	for {
		select {
		case code := <-done:
			return result{code: code, out: out.String(), err: errs.String()}
		case <-deadline:
			t.Fatal("the command does not end")
		case <-time.After(20 * time.Millisecond):
			meanwhile()
		}
	}
}

// refused connects to a port that nobody listens on.
func refused() {
	if c, err := net.DialTimeout("tcp", "127.0.0.1:7", time.Second); err == nil {
		_ = c.Close()
	}
}

// connects is a probe of the connects to that port.
var connects = []string{
	"probe", "run", "--hook", "tp_btf:inet_sock_set_state", "-e", "newstate == TCP_SYN_SENT && sock(sk).dport == 7",
	"--by", "port=sock(sk).dport", "--measure", "opens=count()", "--emit", "to=sock(sk).daddr", "--emit", "from=oldstate", "--emit", "who=owner",
}

func TestProbeRun_table(t *testing.T) {
	got := runRoot(t, t.Context(), refused, append(connects, "--count", "3")...)
	require.Equal(t, exitOK, got.code, got.err)
	lines := strings.Split(got.out, "\n")
	require.Equal(t, []string{"TIME", "PORT", "TO", "FROM", "WHO"}, strings.Fields(lines[0]))
	for _, line := range lines[1:4] {
		require.Equal(t, []string{"7", "127.0.0.1", "TCP_CLOSE"}, strings.Fields(line)[1:4])
	}
	require.Equal(t, []string{"PORT", "OPENS"}, strings.Fields(lines[5]))
	require.Equal(t, "7", strings.Fields(lines[6])[0])
	require.Contains(t, got.err, "aeolus: command-line: tp_btf inet_sock_set_state; the whole host\n")
	require.Contains(t, got.err, "nothing was lost\n")
}

func TestProbeRun_objects(t *testing.T) {
	got := runRoot(t, t.Context(), refused, append(connects, "--for", "1s", "-o", "json")...)
	require.Equal(t, exitOK, got.code, got.err)
	kinds := map[string]int{}
	var opens float64
	for _, line := range strings.Split(strings.TrimSpace(got.out), "\n") {
		var object map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &object), line)
		kind := object["type"].(string)
		kinds[kind]++
		if kind == "row" {
			opens = object["measures"].(map[string]any)["opens"].(float64)
		}
	}
	require.Equal(t, 1, kinds["end"])
	require.Equal(t, 1, kinds["row"])
	require.Positive(t, opens)
	require.InDelta(t, opens, kinds["event"], 0, "each match is told")
}

// TestProbeRun_interrupted: Ctrl-C is answered by the last table, and by the end of the command.
func TestProbeRun_interrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	calls := 0
	got := runRoot(t, ctx, func() {
		refused()
		if calls++; calls == 30 {
			cancel()
		}
	}, connects...)
	require.Equal(t, exitOK, got.code, got.err)
	require.Contains(t, got.out, "OPENS")
}

// TestProbeRun_spent: a probe that has spent its budget ends the command, which says so and has failed.
func TestProbeRun_spent(t *testing.T) {
	busy := func() {
		for range 20000 {
			_, _ = os.Stat("/")
		}
	}
	got := runRoot(t, t.Context(), busy, "probe", "run", "--hook", "raw_tp:sys_enter", "--by", "comm", "--measure", "calls=count()", "--cpu", "0.01%")
	require.Equal(t, exitFailure, got.code, got.err)
	require.Contains(t, got.out, "CALLS", "what was counted is shown")
	require.Contains(t, got.err, "it switched itself off")
	require.Contains(t, got.err, "it took more than its budget of 0.01 % of a processor")
}

// TestProbeRun_recording: what is recorded is what the same probe finds when it is replayed.
func TestProbeRun_recording(t *testing.T) {
	file := filepath.Join(t.TempDir(), "recording.jsonl")
	got := runRoot(t, t.Context(), refused, append(connects, "--for", "1s", "--record", file)...)
	require.Equal(t, exitOK, got.code, got.err)
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Greater(t, strings.Count(string(text), "\n"), 3)
}

func TestProbeRun_scope(t *testing.T) {
	got := runRoot(t, t.Context(), refused, append(connects, "--for", "500ms", "--scope", "workload=nobody-has-this-name")...)
	require.Equal(t, exitOK, got.code, got.err)
	require.Empty(t, strings.TrimSpace(got.out))
	require.Contains(t, got.err, "workload nobody-has-this-name (0 owners in the kernel)")
	require.Contains(t, got.err, "nobody is in scope")
}

// TestProbeRun_fileBounds: how far a file goes is said by flags: here for how long.
func TestProbeRun_fileBounds(t *testing.T) {
	file := question(t, "  hook: {tp_btf: inet_sock_set_state}\n  where: newstate == TCP_SYN_SENT && sock(sk).dport == 7\n  measure: {n: count()}\n  ttl: 1h\n")
	got := runRoot(t, t.Context(), refused, "probe", "run", file, "--ttl", "1s")
	require.Equal(t, exitOK, got.code, got.err)
	require.Contains(t, got.err, "ran its time out for 1 s")
	got = runRoot(t, t.Context(), refused, "probe", "run", file, "--measure", "count()")
	require.Equal(t, exitUsage, got.code)
	require.Contains(t, got.err, "takes a file or --measure, not both")
}

func TestProbeRun_errors(t *testing.T) {
	got := run(t, nil, connects...)
	require.Equal(t, exitFailure, got.code)
	require.Equal(t, 1, strings.Count(got.err, "\n"), got.err)
	require.Contains(t, got.err, "only root may load programs")
	nothing := func() {}
	got = runRoot(t, t.Context(), nothing, "probe", "run", "--hook", "tp_btf:inet_sock_set_state", "--measure", "count()", "--count", "1")
	require.Equal(t, exitUsage, got.code)
	require.Contains(t, got.err, "this probe emits none")
	got = runRoot(t, t.Context(), nothing, "probe", "run", "--hook", "tp_btf:inet_sock_set_state", "-e", "sock(sk).dprot == 7", "--measure", "count()")
	require.Equal(t, exitFailure, got.code)
	require.Contains(t, got.err, "dport")
	require.Contains(t, got.err, "^^^")
	got = runRoot(t, t.Context(), nothing, append(connects, "--every", "1ms")...)
	require.Equal(t, exitUsage, got.code)
	got = runRoot(t, t.Context(), nothing, append(connects, "--record", "/nonexistent/file")...)
	require.Equal(t, exitFailure, got.code)
	require.Contains(t, got.err, "no such file or directory")
}
