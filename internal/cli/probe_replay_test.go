// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// recorded writes a recording of state changes: each from the first to the second, a second after the one before.
func recorded(t *testing.T, changes ...[2]int) string {
	t.Helper()
	var text strings.Builder
	text.WriteString(`{"recording":1,"probe":"earlier","kernel":"d1f9","hooks":[{"hook":"tp_btf inet_sock_set_state","start":false,"leaves":[` +
		`{"key":"context(oldstate)","type":"int","name":"oldstate"},{"key":"context(newstate)","type":"int","name":"newstate"}]}]}` + "\n")
	for i, change := range changes {
		fmt.Fprintf(&text, `{"now":%d,"cpu":1,"hook":0,"leaves":[%d,%d]}`+"\n", 81_000_000_000+1_000_000_000*i, change[0], change[1])
	}
	text.WriteString(`{"losses":{"events-full":3}}` + "\n")
	file := filepath.Join(t.TempDir(), "recording.jsonl")
	require.NoError(t, os.WriteFile(file, []byte(text.String()), 0o600))
	return file
}

func TestProbeTest(t *testing.T) {
	// TCP_ESTABLISHED is 1, TCP_SYN_SENT 2, TCP_SYN_RECV 3, TCP_CLOSE 7.
	recording := recorded(t, [2]int{7, 2}, [2]int{2, 1}, [2]int{3, 1}, [2]int{2, 1}, [2]int{1, 7})
	file := question(t, "  hook: {event: inet_sock_set_state}\n  where: newstate == TCP_ESTABLISHED\n  by: {from: oldstate}\n  measure: {n: count()}\n"+
		"  trigger: {when: n >= 2, within: 10s}\n")
	got := run(t, nil, "probe", "test", file, "--record", recording, "--btf", cutTypes)
	require.Equal(t, exitOK, got.code, got.err)
	require.Equal(t, []string{
		"TIME FROM N", "00:00:03.000 TCP_SYN_SENT 2", "", "FROM N", "TCP_SYN_SENT 2", "TCP_SYN_RECV 1", "",
	}, squeezed(got.out))
	require.Contains(t, got.err, "the recording is of a kernel with other types (d1f9, here ")
	require.Contains(t, got.err, "replayed 5 runs; nothing was lost\n")
	require.Contains(t, got.err, "the recording itself lacks 3 runs: events-full\n")

	lines := strings.Split(strings.TrimSpace(run(t, nil, "probe", "test", file, "--record", recording, "--btf", cutTypes, "-o", "json").out), "\n")
	require.Len(t, lines, 4)
	require.Contains(t, lines[0], `"type":"event"`)
	require.Contains(t, lines[1], `"keys":{"from":"TCP_SYN_SENT"},"measures":{"n":2}`)
	require.JSONEq(t, `{"type": "end", "probe": "question", "recordedBy": "earlier", "runs": 5, "skipped": 0, "recordingLacks": {"events-full": 3}, "losses":
		{"read-failed": 0, "keys-full": 0, "events-limited": 0, "events-full": 0, "pairs-full": 0, "pairs-missing": 0, "stacks-full": 0, "switched-off": 0, "skipped": 0}}`, lines[3])
}

// TestProbeTest_top: the rows with the most are shown as a probe that runs shows them, and the others as one.
func TestProbeTest_top(t *testing.T) {
	recording := recorded(t, [2]int{7, 2}, [2]int{2, 1}, [2]int{3, 1}, [2]int{2, 1}, [2]int{1, 7}, [2]int{2, 1}, [2]int{1, 7})
	file := question(t, "  hook: {event: inet_sock_set_state}\n  by: {from: oldstate}\n  measure: {n: count()}\n  top: {k: 2, by: n}\n")
	got := run(t, nil, "probe", "test", file, "--record", recording, "--btf", cutTypes)
	require.Equal(t, exitOK, got.code, got.err)
	require.Equal(t, []string{"FROM N", "TCP_SYN_SENT 3", "TCP_ESTABLISHED 2", "(other) 2", ""}, squeezed(got.out))
	lines := strings.Split(strings.TrimSpace(run(t, nil, "probe", "test", file, "--record", recording, "--btf", cutTypes, "-o", "json").out), "\n")
	require.Len(t, lines, 4)
	require.Contains(t, lines[2], `"other":true`)
}

// squeezed are lines with single blanks.
func squeezed(text string) []string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = strings.Join(strings.Fields(line), " ")
	}
	return lines
}

func TestProbeTest_refuses(t *testing.T) {
	recording := recorded(t, [2]int{2, 1})
	file := question(t, answerable)
	got := run(t, nil, "probe", "test", file, "--btf", cutTypes)
	require.Equal(t, exitUsage, got.code)
	require.Contains(t, got.err, "which recording? aeolus probe test FILE --record EVENTS")
	got = run(t, nil, "probe", "test", file, "--record", recording, "--btf", cutTypes)
	require.Equal(t, exitFailure, got.code)
	require.Contains(t, got.err, "was not recorded: record again with this probe")
	elsewhere := question(t, "  hook: {event: tcp_probe}\n  measure: {n: count()}\n")
	require.Contains(t, run(t, nil, "probe", "test", elsewhere, "--record", recording, "--btf", cutTypes).err, "the recording has nothing of tp_btf tcp_probe")
	require.Contains(t, run(t, nil, "probe", "test", file, "--record", file, "--btf", cutTypes).err, "reading a recording")
}
