// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
	proberun "github.com/aeolus-ebpf/aeolus/internal/probe/run"
	"github.com/aeolus-ebpf/aeolus/internal/table"
)

func TestProbeValues(t *testing.T) {
	names := &probeNames{
		enums: map[string]ir.Enum{"state": {Name: "state", Values: map[int64]string{1: "TCP_ESTABLISHED", -1: "NONE"}}},
		owner: func(n uint64) string { return map[uint64]string{1<<56 | 7: "checkout"}[n] },
		symbol: func(n uint64) string {
			return map[uint64]string{1: "bpf_prog_1", 2: "tcp_connect", 3: "bpf_prog_odd"}[n]
		},
		stack: func(n uint64) []uint64 { return map[uint64][]uint64{5: {1, 2, 3}}[n] },
	}
	address := make([]byte, 16)
	copy(address[10:], []byte{0xff, 0xff, 10, 0, 0, 7})
	minusThree := ^uint64(2)
	for name, c := range map[string]struct {
		value ir.Value
		kind  ir.Type
		text  string
		json  string
	}{
		"int":         {ir.Value{Number: minusThree}, ir.Type{Kind: ir.Int}, "-3", "-3"},
		"uint":        {ir.Value{Number: 1 << 63}, ir.Type{Kind: ir.Uint}, "9223372036854775808", "9223372036854775808"},
		"port":        {ir.Value{Number: 8080}, ir.Type{Kind: ir.Int, Hint: ir.Port}, "8080", "8080"},
		"bool":        {ir.Value{Number: 1}, ir.Type{Kind: ir.Bool}, "true", "true"},
		"duration":    {ir.Value{Number: 1_500_000}, ir.Type{Kind: ir.Duration}, "1.5 ms", "1500000"},
		"size":        {ir.Value{Number: 1_200_000}, ir.Type{Kind: ir.Uint, Hint: ir.Size}, "1.2 MB", "1200000"},
		"enum":        {ir.Value{Number: 1}, ir.Type{Kind: ir.Int, Enum: "state"}, "TCP_ESTABLISHED", `"TCP_ESTABLISHED"`},
		"narrow enum": {ir.Value{Number: 0xffffffff}, ir.Type{Kind: ir.Uint, Enum: "state"}, "NONE", `"NONE"`},
		"odd enum":    {ir.Value{Number: 99}, ir.Type{Kind: ir.Int, Enum: "state"}, "99", `"99"`},
		"owner":       {ir.Value{Number: 1<<56 | 7}, ir.Type{Kind: ir.Uint, Hint: ir.Owner}, "checkout", `"checkout"`},
		"stranger":    {ir.Value{Number: 3<<56 | 9}, ir.Type{Kind: ir.Uint, Hint: ir.Owner}, "netns-9", `"netns-9"`},
		"symbol":      {ir.Value{Number: 2}, ir.Type{Kind: ir.Uint, Hint: ir.Symbol}, "tcp_connect", `"tcp_connect"`},
		"stack":       {ir.Value{Number: 5}, ir.Type{Kind: ir.Uint, Hint: ir.Stack}, "tcp_connect < bpf_prog_odd", `["tcp_connect","bpf_prog_odd"]`},
		"no stack":    {ir.Value{Number: ^uint64(13)}, ir.Type{Kind: ir.Uint, Hint: ir.Stack}, "–", `[]`},
		"pointer":     {ir.Value{Number: 0xffff0000}, ir.Type{Kind: ir.Pointer}, "0xffff0000", `"0xffff0000"`},
		"ip":          {ir.Value{Wide: address}, ir.Type{Kind: ir.IP}, "10.0.0.7", `"10.0.0.7"`},
		"mac":         {ir.Value{Wide: []byte{1, 2, 3, 4, 5, 0xff}}, ir.Type{Kind: ir.MAC}, "01:02:03:04:05:ff", `"01:02:03:04:05:ff"`},
		"text":        {ir.Value{Wide: []byte("nginx\x00\x00rest")}, ir.Type{Kind: ir.Text, Size: 16}, "nginx", `"nginx"`},
		"bytes":       {ir.Value{Wide: []byte{0xab, 0}}, ir.Type{Kind: ir.Bytes, Size: 2}, "ab00", `"ab00"`},
	} {
		require.Equal(t, c.text, names.text(c.value, c.kind), name)
		got, err := json.Marshal(names.machine(c.value, c.kind))
		require.NoError(t, err)
		require.Equal(t, c.json, string(got), name)
	}
	bare := &probeNames{}
	require.Equal(t, "cgroup-7", bare.text(ir.Value{Number: 1<<56 | 7}, ir.Type{Kind: ir.Uint, Hint: ir.Owner}))
	require.Equal(t, "0x10", bare.text(ir.Value{Number: 16}, ir.Type{Kind: ir.Uint, Hint: ir.Symbol}))
}

// found is a snapshot with a row of everything.
func found() (*ir.Probe, *proberun.Snapshot) {
	p := &ir.Probe{
		Name: "everything", Hooks: []ir.Hook{{Kind: ir.BTFTracepoint, Target: "tcp_probe"}},
		Keys: []ir.Field{{Name: "peer", Type: ir.Type{Kind: ir.Text, Size: 8}}},
		Emit: []ir.Field{{Name: "size", Type: ir.Type{Kind: ir.Uint, Hint: ir.Size}}},
		Measures: []ir.Measure{
			{Name: "count", Kind: ir.Count}, {Name: "rtt", Kind: ir.Log2Histogram, Type: ir.Type{Kind: ir.Duration}},
			{Name: "mean", Kind: ir.Average, Type: ir.Type{Kind: ir.Duration}}, {Name: "least", Kind: ir.Min, Type: ir.Type{Kind: ir.Int}},
			{Name: "peers", Kind: ir.Distinct, Precision: 4}, {Name: "bytes", Kind: ir.Rate, Type: ir.Type{Kind: ir.Uint, Hint: ir.Size}},
			{Name: "window", Kind: ir.Histogram, Type: ir.Type{Kind: ir.Int}, Bounds: []int64{10, 20}},
		},
		Trigger: &ir.Trigger{Measures: []int{0}},
	}
	buckets := make([]uint64, 64)
	buckets[0], buckets[20], buckets[21], buckets[23] = 0, 10, 80, 1
	row := ir.Row{Keys: []ir.Value{{Wide: []byte("a\x1b[2J")}}, Measures: []ir.Measured{
		{Number: 91, Error: 4}, {Buckets: buckets}, {Number: 3_000_000, Count: 2}, {Number: ^uint64(0)}, {Buckets: make([]uint64, 16)},
		{Number: 5_000_000}, {Buckets: []uint64{1, 2, 3}},
	}}
	other := ir.Row{Measures: []ir.Measured{
		{Number: 7}, {Buckets: make([]uint64, 64)}, {}, {Number: 3}, {Buckets: make([]uint64, 16)}, {}, {Buckets: make([]uint64, 3)},
	}}
	since := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	return p, &proberun.Snapshot{Time: since.Add(5 * time.Second), Since: since, Rows: []ir.Row{row}, Other: &other, Keys: 1}
}

func TestProbeTable(t *testing.T) {
	p, snapshot := found()
	rows := &probeTable{probe: p, names: &probeNames{}}
	var text bytes.Buffer
	require.NoError(t, rows.table(snapshot, nil, 10).Write(&text, table.Style{}))
	for _, line := range rows.histograms(&snapshot.Rows[0], 60, false) {
		text.WriteString(line + "\n")
	}
	golden(t, "probe-run.table.golden", text.String())
	for _, line := range strings.Split(text.String(), "\n") {
		require.NotContains(t, line, "\x1b", "a key cannot move the cursor")
	}
	earlier := *snapshot
	earlier.Time = snapshot.Time.Add(-time.Second)
	earlier.Rows = []ir.Row{{Keys: snapshot.Rows[0].Keys, Measures: append([]ir.Measured{}, snapshot.Rows[0].Measures...)}}
	earlier.Rows[0].Measures[5].Number = 3_000_000
	text.Reset()
	require.NoError(t, rows.table(snapshot, &earlier, 10).Write(&text, table.Style{}))
	require.Contains(t, text.String(), "2 MB/s", "since the earlier look")
}

func TestProbeObjects(t *testing.T) {
	p, snapshot := found()
	objects := newProbeObjects(p, &probeNames{})
	status := &proberun.Status{Since: snapshot.Since, Ended: snapshot.Time, State: proberun.SwitchedOff, Why: "it took too much"}
	status.Cost.Runs = 3
	status.Losses[ir.KeysFull] = 7
	event := &ir.Event{Hook: 0, CPU: 1, Triggered: true, Measured: []uint64{5}, Keys: snapshot.Rows[0].Keys, Emit: []ir.Value{{Number: 12}}}
	var text bytes.Buffer
	a := &app{Params: Params{Out: &text}}
	for _, object := range []ordered{
		objects.event(event, snapshot.Time), objects.row(&snapshot.Rows[0], false, snapshot), objects.row(snapshot.Other, true, snapshot), objects.end(status),
	} {
		require.NoError(t, a.writeLine(formatJSON, object))
	}
	golden(t, "probe-run.json.golden", text.String())
	text.Reset()
	require.NoError(t, a.writeLine(formatYAML, objects.event(event, snapshot.Time)))
	require.True(t, strings.HasPrefix(text.String(), "---\n"))
}

func TestFit(t *testing.T) {
	for _, c := range []struct {
		line    string
		columns int
		want    string
	}{
		{"short", 10, "short"}, {"just fits", 9, "just fits"}, {"too long by far", 8, "too lon…"},
		{"\x1b[2mcoloured\x1b[0m", 8, "\x1b[2mcoloured\x1b[0m"}, {"\x1b[2mcoloured text\x1b[0m", 8, "\x1b[2mcoloure…\x1b[0m"},
		{"██████", 3, "██…"}, {"", 5, ""},
	} {
		got := fit(c.line, c.columns)
		require.Equal(t, c.want, got, "%q", c.line)
		require.LessOrEqual(t, table.Width(plain(got)), c.columns)
	}
}

func TestScreen(t *testing.T) {
	var text bytes.Buffer
	s := &screen{w: &text, size: func() (int, int) { return 10, 4 }}
	require.NoError(t, s.show([]string{"event 1"}, []string{"a", "b", "c", "beyond"}))
	require.Equal(t, "event 1\na\nb\nc\n", text.String())
	text.Reset()
	require.NoError(t, s.show(nil, []string{"only one line"}))
	require.Equal(t, "\x1b[3A\r\x1b[Jonly one …\n", text.String())
	text.Reset()
	require.NoError(t, s.show(nil, nil))
	require.Equal(t, "\x1b[1A\r\x1b[J", text.String())
}

func TestQuantileAndSpark(t *testing.T) {
	bars := []bucket{{1, 2, 50}, {2, 4, 0}, {4, 8, 49}, {8, math.Inf(1), 1}}
	require.InDelta(t, 2, quantile(bars, 0.5), 0)
	require.InDelta(t, 8, quantile(bars, 0.99), 0)
	require.True(t, math.IsInf(quantile(bars, 1), 1))
	require.True(t, math.IsNaN(quantile(nil, 0.5)))
	require.Equal(t, "█ ▇▁", spark(bars, 8))
	require.Equal(t, "██", spark(bars, 2))
	require.Equal(t, "█", spark([]bucket{{0, 1, math.MaxUint64}}, 4))
	require.Empty(t, spark(nil, 4))
	require.Equal(t, "▏", bar(0.0001, 10))
	require.Equal(t, "█████", bar(0.5, 10))
}

// TestWalkedRate: what one walk has found is compared with no other walk.
func TestWalkedRate(t *testing.T) {
	p := &ir.Probe{Measures: []ir.Measure{{Name: "seen", Kind: ir.Rate, Type: ir.Type{Kind: ir.Uint}}}}
	rows := probeTable{probe: p, names: &probeNames{}}
	at := time.Unix(100, 0)
	of := func(n uint64, at time.Time) *proberun.Snapshot {
		return &proberun.Snapshot{Time: at, Since: at.Add(-2 * time.Second), Walked: true, Rows: []ir.Row{{Measures: []ir.Measured{{Number: n}}}}}
	}
	for _, earlier := range []*proberun.Snapshot{nil, of(9, at), of(9, at.Add(-time.Second))} {
		var text bytes.Buffer
		require.NoError(t, rows.table(of(6, at), earlier, 1).Write(&text, table.Style{}))
		require.Contains(t, text.String(), "3/s")
	}
}
