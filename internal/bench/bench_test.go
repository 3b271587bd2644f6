// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/table"
)

func TestQuantile(t *testing.T) {
	require.True(t, math.IsNaN(Quantile(nil, 0.5)))
	require.Equal(t, 3.0, Median([]float64{5, 1, 3}))
	require.Equal(t, 2.5, Median([]float64{4, 1, 2, 3}))
	require.Equal(t, 5.0, Quantile([]float64{5, 1, 3}, 1))
	require.Nil(t, spread([]float64{1}))
	require.Equal(t, 1.0, *spread([]float64{1, 2, 3, 4, 5}))
}

func TestInterleave_goesBackAndForth(t *testing.T) {
	var order []string
	variant := func(name string) Variant {
		return Variant{Name: name, Run: func(_ context.Context, round int) (map[string]float64, error) {
			order = append(order, name)
			return map[string]float64{"x": float64(round)}, nil
		}}
	}
	results, err := Interleave(t.Context(), 3, func(string) {}, variant("off"), variant("on"))
	require.NoError(t, err)
	require.Equal(t, []string{"off", "on", "on", "off", "off", "on"}, order)
	require.Equal(t, []float64{0, 1, 2}, results["on"]["x"])
}

func rows() []Row {
	return []Row{
		Measured("kernel → agent, p50", Seconds, []float64{11e-6, 12e-6, 13e-6}).WithGoal(20e-6),
		Compared("CPU", Share, []float64{0.01, 0.02, 0.03}, []float64{0.2, 0.2, 0.2}).WithRatioGoal(0.05),
		Compared("throughput", BytesPerSecond, []float64{99e6}, []float64{100e6}).WithRatioLeast(0.98),
		Measured("nothing came", Seconds, nil).WithGoal(1).WithNote("held back: %d", 7),
		Measured("held back", Count, []float64{4200}),
	}
}

func TestRows(t *testing.T) {
	met := func(i int) *bool { return rows()[i].Met }
	require.True(t, *met(0))
	require.False(t, *met(1))
	require.InDelta(t, 0.1, *rows()[1].Ratio, 1e-9)
	require.True(t, *met(2))
	require.Nil(t, met(3))
	require.Nil(t, rows()[4].Goal)
}

func TestResult_formats(t *testing.T) {
	result := Result{Bench: "events", Time: time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC), Kernel: "6.1", CPUs: 2, Rows: rows()}
	var text strings.Builder
	require.NoError(t, result.WriteTable(&text, table.Style{}))
	require.Equal(t, `events on kernel 6.1, 2 CPUs, 2026-01-31 12:00:00

WHAT                   VALUE       ±  BASELINE    ±  RATIO     GOAL  MET      NOTE
kernel → agent, p50    12 µs  500 ns                        ≤ 20 µs  yes
CPU                      2 %   0.5 %      20 %  0 %   0.1×  ≤ 0.05×  no
throughput           99 MB/s          100 MB/s       0.99×  ≥ 0.98×  yes
nothing came               –                                  ≤ 1 s  unknown  held back: 7
held back              4.2 k
`, text.String())
	encoded, err := json.Marshal(result)
	require.NoError(t, err)
	var decoded struct{ Rows []map[string]any }
	require.NoError(t, json.Unmarshal(encoded, &decoded))
	for _, row := range decoded.Rows {
		for _, key := range []string{"name", "unit", "value", "baseline", "ratio", "goal", "met", "spread"} {
			require.Contains(t, row, key, "every row has every field")
		}
	}
	require.Nil(t, decoded.Rows[3]["value"])
	require.Nil(t, decoded.Rows[4]["goal"])
	require.Equal(t, true, decoded.Rows[0]["met"])
}

func TestRefuse(t *testing.T) {
	file := filepath.Join(t.TempDir(), "bpf_stats_enabled")
	require.NoError(t, refuse(file))
	require.NoError(t, os.WriteFile(file, []byte("0\n"), 0o600))
	require.NoError(t, refuse(file))
	require.NoError(t, os.WriteFile(file, []byte("1\n"), 0o600))
	require.ErrorIs(t, refuse(file), ErrStatistics)
}

func TestParseStat(t *testing.T) {
	cpu, err := parseStat([]byte("42 (evil) name) S 1 42 42 0 -1 4194560 1 0 0 0 150 50 0 0 20 0 1 0 9 1 1"))
	require.NoError(t, err)
	require.Equal(t, 2*time.Second, cpu)
	for _, bad := range []string{"", "42 (x) S", "42 x"} {
		_, err := parseStat([]byte(bad))
		require.Error(t, err)
	}
}

func TestCgroup(t *testing.T) {
	directory := t.TempDir()
	_, err := CgroupCPU(directory)
	require.Error(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(directory, "cpu.stat"), []byte("usage_usec 1500000\nuser_usec 1\n"), 0o600))
	cpu, err := CgroupCPU(directory)
	require.NoError(t, err)
	require.Equal(t, 1500*time.Millisecond, cpu)
	require.NoError(t, os.WriteFile(filepath.Join(directory, "memory.current"), []byte("4096\n"), 0o600))
	memory, err := CgroupMemory(directory)
	require.NoError(t, err)
	require.Equal(t, uint64(4096), memory)
}

func FuzzParseStat(f *testing.F) {
	f.Add([]byte("42 (evil) name) S 1 42 42 0 -1 4194560 1 0 0 0 150 50 0 0 20 0 1 0 9 1 1"))
	f.Add([]byte(")"))
	f.Fuzz(func(t *testing.T, stat []byte) {
		if cpu, err := parseStat(stat); err != nil {
			require.Zero(t, cpu)
		}
	})
}
