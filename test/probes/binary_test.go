// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/testkit"
	"github.com/aeolus-ebpf/aeolus/test/servers"
)

// line is one line of aeolus probe run -o json.
type line struct {
	Type     string
	State    string
	Keys     map[string]any
	Values   map[string]any
	Measures map[string]any
	Losses   map[string]uint64
}

// TestProgram asks three questions by the program itself, as a person would, and reads what it prints: with names where the other
// tests look at numbers.
func TestProgram(t *testing.T) {
	testkit.RequireRoot(t)
	program := servers.Aeolus(t)
	dir := t.TempDir()
	p, err := newPlace(200, dir)
	t.Cleanup(p.close)
	require.NoError(t, err)
	ask := func(name string) *started {
		t.Helper()
		file := filepath.Join(dir, name+".yaml")
		require.NoError(t, os.WriteFile(file, []byte(readExample(t, name).scoped(p.client.path())), 0o600))
		running := p.client.start(t, program, "probe", "run", file, "-o", "json")
		running.until(t, name, func(said string) bool { return strings.Contains(said, "aeolus: "+name+": ") })
		return running
	}
	p.server.serve(t, "exchange-server", "7700")
	p.server.serve(t, "unread-server", "7701")
	connects, lives, resets := ask("tcpconnect"), ask("tcplife"), ask("tcp-resets-received")
	var trades []trade
	p.client.work(t, &trades, "exchange", p.server.address.String(), "7700", "100:50:0", "3000:700000:0")
	p.client.work(t, nil, "offend", p.server.address.String(), "7701", "3")
	server := p.server.address.String()

	rows, _ := finish(t, connects)
	require.Len(t, rows, 2)
	total := 0.0
	for _, r := range rows {
		require.Equal(t, "python3", r.Keys["program"])
		require.Equal(t, server, r.Keys["peer"])
		total += r.Measures["connects"].(float64)
	}
	require.EqualValues(t, 5, total)

	_, events := finish(t, lives)
	require.Len(t, events, 5)
	for i, done := range trades {
		require.EqualValues(t, done.Port, events[i].Values["port"])
		// The peer's FIN counts as a byte.
		require.InDelta(t, done.Received, events[i].Values["received"], 1)
	}

	rows, _ = finish(t, resets)
	require.Len(t, rows, 1)
	require.Equal(t, map[string]any{"peer": server, "port": 7701.0, "state": "TCP_ESTABLISHED"}, rows[0].Keys)
	require.EqualValues(t, 3, rows[0].Measures["resets"])
}

// finish ends a probe as a person does, by Ctrl-C, and gives its last rows and all its events; nothing may be lost.
func finish(t *testing.T, running *started) (rows, events []line) {
	t.Helper()
	said := running.end(syscall.SIGINT)
	require.Zero(t, running.cmd.ProcessState.ExitCode(), said)
	ended := false
	for text := range strings.Lines(said) {
		var l line
		if !strings.HasPrefix(text, "{") {
			continue
		}
		require.NoError(t, json.Unmarshal([]byte(text), &l), text)
		switch l.Type {
		case "row":
			rows = append(rows, l)
		case "event":
			events = append(events, l)
		case "end":
			ended = true
			for cause, count := range l.Losses {
				if cause != "pairs-missing" {
					require.Zero(t, count, cause)
				}
			}
		}
	}
	require.True(t, ended, said)
	return rows, events
}
