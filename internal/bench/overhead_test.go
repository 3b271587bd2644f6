// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

// measured runs a benchmark in its small size and gives its rows by name. While another measures, it waits for its turn.
func measured(t *testing.T, bench Bench) map[string]Row {
	t.Helper()
	testkit.RequireRoot(t)
	var result Result
	for deadline := time.Now().Add(2 * time.Minute); ; {
		var err error
		result, err = Measure(t.Context(), bench, Run{Progress: func(line string) { t.Log(line) }})
		if err == nil {
			break
		}
		require.ErrorIs(t, err, ErrStatistics)
		require.True(t, time.Now().Before(deadline), "another measurement does not end: %v", err)
	}
	encoded, err := json.Marshal(result)
	require.NoError(t, err)
	require.True(t, json.Valid(encoded))
	rows := map[string]Row{}
	for _, row := range result.Rows {
		require.NotContains(t, rows, row.Name, "a name is given twice")
		rows[row.Name] = row
		t.Logf("%-60s %12s  baseline %12s  %s", row.Name, show(&row.Value, row.Unit), show(row.Baseline, row.Unit), row.Note)
	}
	return rows
}

func TestOverhead_measuresEachLoad(t *testing.T) {
	rows := measured(t, overhead{})
	for _, load := range workloads() {
		cpu := rows[load.name+": CPU per "+load.unit]
		require.Equal(t, Seconds, cpu.Unit)
		require.Positive(t, cpu.Value)
		require.NotNil(t, cpu.Ratio)
		rate := rows[load.name+": throughput"]
		require.Equal(t, load.rate, rate.Unit)
		require.Positive(t, rate.Value)
		require.Positive(t, *rate.Baseline)
		agent := rows[load.name+": agent's CPU"]
		require.GreaterOrEqual(t, agent.Value, 0.0)
		require.Less(t, agent.Value, 64.0)
	}
	for name, unit := range map[string]string{
		"keep-alive: BPF time per request":                             Seconds,
		"keep-alive: BPF time, metered per request":                    Seconds,
		"connection per request: BPF time per connection end":          Seconds,
		"connection per request: BPF time, metered per connection end": Seconds,
		"agent's memory": Bytes,
	} {
		require.Contains(t, rows, name)
		require.Equal(t, unit, rows[name].Unit)
	}
	require.Equal(t, goalPerRequest, *rows["keep-alive: BPF time per request"].Goal)
	end := rows["connection per request: BPF time per connection end"]
	require.Equal(t, goalPerEnd, *end.Goal)
	require.Positive(t, end.Value)
	require.Greater(t, rows["agent's memory"].Value, 1e6)
}

func TestRemoveLeft_takesWhatNobodyHolds(t *testing.T) {
	root := t.TempDir()
	gone := filepath.Join(root, groupPrefix+"2147483646-x")
	here := filepath.Join(root, fmt.Sprintf("%s%d-x", groupPrefix, os.Getpid()))
	other := filepath.Join(root, groupPrefix+"x-1")
	for _, directory := range []string{gone, here, other} {
		require.NoError(t, os.Mkdir(directory, 0o700))
	}
	removeLeft(root, os.RemoveAll)
	require.NoDirExists(t, gone)
	require.DirExists(t, here)
	require.DirExists(t, other)
}
