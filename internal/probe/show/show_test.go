// SPDX-License-Identifier: Apache-2.0

package show

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
	"github.com/aeolus-ebpf/aeolus/internal/table"
)

var (
	states  = ir.Enum{Name: "state", Values: map[int64]string{1: "TCP_ESTABLISHED", -1: "NONE"}}
	address = ir.Value{Wide: []byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 1}}
)

func printer() *Printer {
	return &Printer{
		Probe: &ir.Probe{
			Keys: []ir.Field{{Name: "peer", Type: ir.Type{Kind: ir.IP}}, {Name: "port", Type: ir.Type{Kind: ir.Int, Hint: ir.Port}}},
			Measures: []ir.Measure{{Name: "n", Kind: ir.Count}, {Name: "rtt", Kind: ir.Log2Histogram, Type: ir.Type{Kind: ir.Duration}},
				{Name: "mean", Kind: ir.Average, Type: ir.Type{Kind: ir.Int}}, {Name: "speed", Kind: ir.Rate, Type: ir.Type{Kind: ir.Uint, Hint: ir.Size}}},
			Emit:    []ir.Field{{Name: "port", Type: ir.Type{Kind: ir.Int}}, {Name: "comm", Type: ir.Type{Kind: ir.Text, Size: 16}}},
			Trigger: &ir.Trigger{Measures: []int{0}},
			Enums:   map[string]ir.Enum{"state": states},
		},
		Names: Names{Owner: func(n uint64) string {
			if n == 7 {
				return "checkout"
			}
			return ""
		}},
	}
}

func TestText(t *testing.T) {
	p := printer()
	for _, c := range []struct {
		want string
		kind ir.Type
		v    ir.Value
	}{
		{"true", ir.Type{Kind: ir.Bool}, ir.Value{Number: 1}},
		{"-5", ir.Type{Kind: ir.Int}, ir.Value{Number: math.MaxUint64 - 4}},
		{"18446744073709551615", ir.Type{Kind: ir.Uint}, ir.Value{Number: math.MaxUint64}},
		{"TCP_ESTABLISHED", ir.Type{Kind: ir.Int, Enum: "state"}, ir.Value{Number: 1}},
		{"NONE", ir.Type{Kind: ir.Int, Enum: "state"}, ir.Value{Number: math.MaxUint64}},
		{"9", ir.Type{Kind: ir.Int, Enum: "state"}, ir.Value{Number: 9}},
		{"1.2 ms", ir.Type{Kind: ir.Duration}, ir.Value{Number: 1_200_000}},
		{"-1 s", ir.Type{Kind: ir.Duration}, ir.Value{Number: uint64(math.MaxUint64 - 999_999_999)}},
		{"0xffff", ir.Type{Kind: ir.Pointer}, ir.Value{Number: 0xffff}},
		{"0x10", ir.Type{Kind: ir.Uint, Hint: ir.Hex}, ir.Value{Number: 16}},
		{"56 kB", ir.Type{Kind: ir.Uint, Hint: ir.Size}, ir.Value{Number: 56_000}},
		{"checkout", ir.Type{Kind: ir.Uint, Hint: ir.Owner}, ir.Value{Number: 7}},
		{"cgroup 5", ir.Type{Kind: ir.Uint, Hint: ir.Owner}, ir.Value{Number: 1<<ir.OwnerShift | 5}},
		{"netns 5", ir.Type{Kind: ir.Uint, Hint: ir.Owner}, ir.Value{Number: 3<<ir.OwnerShift | 5}},
		{"10.0.0.1", ir.Type{Kind: ir.IP}, address},
		{"::", ir.Type{Kind: ir.IP}, ir.Value{}},
		{"02:00:00:00:00:01", ir.Type{Kind: ir.MAC}, ir.Value{Wide: []byte{2, 0, 0, 0, 0, 1}}},
		{"curl", ir.Type{Kind: ir.Text, Size: 16}, ir.Value{Wide: []byte("curl\x00rest")}},
		{"\uFFFDx", ir.Type{Kind: ir.Text, Size: 4}, ir.Value{Wide: []byte("\xffx")}},
		{"0102", ir.Type{Kind: ir.Bytes, Size: 2}, ir.Value{Wide: []byte{1, 2}}},
	} {
		require.Equal(t, c.want, p.Text(c.kind, c.v))
	}
}

// rows are two keys, and what found no room.
func rows() []ir.Row {
	measured := func(n uint64, buckets map[int]uint64) []ir.Measured {
		all := make([]uint64, 64)
		for i, count := range buckets {
			all[i] = count
		}
		return []ir.Measured{{Number: n}, {Buckets: all}, {Number: 9, Count: 2}, {Number: 3_000_000}}
	}
	return []ir.Row{
		{Measures: measured(99, nil)},
		{Keys: []ir.Value{address, {Number: 80}}, Measures: measured(1, map[int]uint64{20: 1})},
		{Keys: []ir.Value{address, {Number: 443}}, Measures: measured(52, map[int]uint64{10: 1, 12: 50, 21: 1})},
	}
}

func TestTable(t *testing.T) {
	p := printer()
	var out bytes.Buffer
	require.NoError(t, p.Table(p.Sort(rows()), 2*time.Second).Write(&out, table.Style{}))
	require.Equal(t, strings.TrimLeft(`
PEER      PORT   N                             RTT  MEAN     SPEED
10.0.0.1  443   52  52, half <4.1 µs, 99 % <2.1 ms     4  1.5 MB/s
10.0.0.1  80     1       1, half <1 ms, 99 % <1 ms     4  1.5 MB/s
other           99                               –     4  1.5 MB/s
`, "\n"), out.String())
}

func TestHistograms(t *testing.T) {
	p := printer()
	require.Equal(t, `rtt  peer 10.0.0.1  port 443
  512 ns …   1 µs   1  ▊
    1 µs …   2 µs   0
    2 µs … 4.1 µs  50  ████████████████████████████████████████`, strings.Join(p.Histograms(&rows()[2])[:4], "\n"))
	require.Empty(t, p.Histograms(&rows()[0]))
	bounded := &ir.Measure{Kind: ir.Histogram, Type: ir.Type{Kind: ir.Int}, Bounds: []int64{1, 10, 100}}
	require.Equal(t, []string{
		"      …   1  1  ████████████████████",
		"    1 …  10  0",
		"   10 … 100  0",
		"  100 …      2  ████████████████████████████████████████",
	}, p.bars(bounded, &ir.Measured{Buckets: []uint64{1, 0, 0, 2}}))
}

func TestJSON(t *testing.T) {
	p := printer()
	all := rows()
	text, err := json.Marshal([]any{p.RowJSON(&all[1], time.Second), p.RowJSON(&all[0], 0)})
	require.NoError(t, err)
	require.JSONEq(t, `[
		{"keys": {"peer": "10.0.0.1", "port": 80}, "measures": {"n": 1, "rtt": {"count": 1, "buckets": [{"least": 524288, "below": 1048576, "count": 1}]},
			"mean": {"average": 4, "sum": 9, "count": 2}, "speed": {"total": 3000000, "perSecond": 3000000}}},
		{"keys": null, "measures": {"n": 99, "rtt": {"count": 0, "buckets": []}, "mean": {"average": 4, "sum": 9, "count": 2}, "speed": {"total": 3000000, "perSecond": null}}}
	]`, string(text))
}

func TestEvent(t *testing.T) {
	p := printer()
	event := &ir.Event{Time: 5, CPU: 1, Triggered: true, Measured: []uint64{7}, Keys: []ir.Value{address, {Number: 80}},
		Emit: []ir.Value{{Number: 80}, {Wide: []byte("curl")}}}
	rows := table.New(p.EventColumns()...)
	rows.Row(p.EventCells(event)...)
	var out bytes.Buffer
	require.NoError(t, rows.Write(&out, table.Style{}))
	require.Equal(t, "N  PEER      PORT  COMM\n7  10.0.0.1  80    curl\n", out.String())
	text, err := json.Marshal(p.EventJSON(event))
	require.NoError(t, err)
	require.JSONEq(t, `{"monotonic": 5, "cpu": 1, "hook": 0, "triggered": true, "keys": {"peer": "10.0.0.1", "port": 80},
		"emit": {"port": 80, "comm": "curl"}, "measured": {"n": 7}}`, string(text))
}
