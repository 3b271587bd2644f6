// SPDX-License-Identifier: Apache-2.0

package interp_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/probe/interp"
	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

// clock is a world in which a test sets the time.
type clock struct{ now uint64 }

func (c *clock) running() interp.Running { return interp.Running{Now: c.now, CPU: 3} }

func run(t *testing.T, m *interp.Machine, start bool, arguments ...uint64) interp.Outcome {
	t.Helper()
	outcome, err := m.Run(0, start, context(arguments...))
	require.NoError(t, err)
	return outcome
}

func signed(n int64) uint64 { return uint64(n) }

func TestMeasures(t *testing.T) {
	value := argument(intType, 1)
	kinds := []ir.Measure{
		{Name: "count", Kind: ir.Count},
		{Name: "sum", Kind: ir.Sum, Type: intType},
		{Name: "min", Kind: ir.Min, Type: intType},
		{Name: "max", Kind: ir.Max, Type: intType},
		{Name: "average", Kind: ir.Average, Type: intType},
		{Name: "log2", Kind: ir.Log2Histogram, Type: intType},
		{Name: "histogram", Kind: ir.Histogram, Type: intType, Bounds: []int64{-1, 0, 10}},
		{Name: "distinct", Kind: ir.Distinct, Type: intType, Precision: 4},
		{Name: "rate", Kind: ir.Rate},
		{Name: "volume", Kind: ir.Rate, Type: intType},
	}
	hook := ir.Hook{Kind: ir.RawTracepoint, Keys: []*ir.Expr{argument(uintType, 0)}, Measures: make([]*ir.Expr, len(kinds))}
	for i := range kinds {
		if kinds[i].Type.Kind != ir.Invalid {
			hook.Measures[i] = value
		}
	}
	m := interp.New(&ir.Probe{
		Hooks: []ir.Hook{hook}, Keys: []ir.Field{{Name: "key", Type: uintType}}, Measures: kinds, Entries: 2,
	}, interp.World{})
	for _, n := range []int64{-5, 0, 1, 2, 3, 10, math.MinInt64} {
		require.Equal(t, interp.Outcome{Matched: true}, run(t, m, false, 80, signed(n)))
	}
	run(t, m, false, 81, 1)
	require.Equal(t, interp.Outcome{Matched: true, Lost: true, Loss: ir.KeysFull}, run(t, m, false, 82, 6))
	run(t, m, false, 83, 7)

	rows := m.Rows()
	require.Len(t, rows, 3)
	require.Equal(t, []ir.Value{{Number: 80}}, rows[0].Keys)
	require.Equal(t, []ir.Value{{Number: 81}}, rows[1].Keys)
	require.Nil(t, rows[2].Keys)
	require.Equal(t, uint64(13), rows[2].Measures[1].Number)
	figures := rows[0].Measures
	log2 := make([]uint64, 64)
	log2[0], log2[1], log2[2], log2[4] = 3, 1, 2, 1
	require.Equal(t, ir.Measured{Number: 7}, figures[0])
	require.Equal(t, ir.Measured{Number: signed(math.MinInt64 + 11)}, figures[1])
	require.Equal(t, ir.Measured{Number: signed(math.MinInt64)}, figures[2])
	require.Equal(t, ir.Measured{Number: 10}, figures[3])
	require.Equal(t, ir.Measured{Number: signed(math.MinInt64 + 11), Count: 7}, figures[4])
	require.Equal(t, ir.Measured{Buckets: log2}, figures[5])
	require.Equal(t, ir.Measured{Buckets: []uint64{2, 0, 4, 1}}, figures[6])
	require.InDelta(t, 7, ir.Estimate(figures[7].Buckets), 3)
	require.Equal(t, ir.Measured{Number: 7}, figures[8])
	require.Equal(t, ir.Measured{Number: signed(math.MinInt64 + 11)}, figures[9])
	require.Equal(t, uint64(2), m.Losses()[ir.KeysFull])
}

// TestTrigger opens windows of a second, and asks for two matches of which the values are ten on average.
func TestTrigger(t *testing.T) {
	probe := &ir.Probe{
		Hooks: []ir.Hook{{
			Kind: ir.RawTracepoint, Keys: []*ir.Expr{argument(uintType, 0)},
			Measures: []*ir.Expr{nil, argument(intType, 1)}, Emit: []*ir.Expr{apply(ir.OpDiv, intType, constant(intType, 100), argument(intType, 2))},
		}},
		Keys:     []ir.Field{{Name: "key", Type: uintType}},
		Measures: []ir.Measure{{Name: "n", Kind: ir.Count}, {Name: "mean", Kind: ir.Average, Type: intType}},
		Emit:     []ir.Field{{Name: "q", Type: intType}}, Entries: 10,
		Trigger: &ir.Trigger{
			When: apply(ir.OpAnd, boolType,
				apply(ir.OpGe, boolType, &ir.Expr{Op: ir.OpMeasured, Type: uintType, Const: 0}, constant(uintType, 2)),
				apply(ir.OpGe, boolType, &ir.Expr{Op: ir.OpMeasured, Type: intType, Const: 1}, constant(intType, 10))),
			Within: time.Second, Measures: []int{0, 1},
		},
	}
	time := &clock{now: 5_000_000_000}
	m := interp.New(probe, interp.World{Running: time.running})
	run(t, m, false, 1, 3, 1)
	require.False(t, run(t, m, false, 2, 30, 1).Answered)
	require.False(t, run(t, m, false, 1, 15, 1).Answered)
	require.True(t, run(t, m, false, 1, 14, 5).Event)
	require.False(t, run(t, m, false, 1, 14, 5).Answered, "once in a window")
	time.now += 999_999_999
	require.False(t, run(t, m, false, 1, 14, 5).Answered)
	time.now++
	require.False(t, run(t, m, false, 1, 14, 5).Answered, "a new window begins from zero")
	outcome := run(t, m, false, 1, 14, 0)
	require.True(t, outcome.Answered && outcome.Matched && !outcome.Event, "what cannot be emitted is lost")
	require.Equal(t, ir.ReadFailed, outcome.Loss)
	require.Equal(t, []ir.Event{{
		Time: 5_000_000_000, CPU: 3, Triggered: true, Measured: []uint64{3, 10},
		Keys: []ir.Value{{Number: 1}}, Emit: []ir.Value{{Number: 20}},
	}}, m.Events())
	require.Equal(t, uint64(7), m.Rows()[0].Measures[0].Number, "rows count on")
}

func TestPair(t *testing.T) {
	kept := &ir.Expr{Op: ir.OpKept, Type: intType, Const: 0}
	probe := &ir.Probe{
		Pair: &ir.Pair{
			Starts: []ir.Hook{{
				PairKey: argument(uintType, 0), Keep: []*ir.Expr{argument(intType, 1)},
				Where: apply(ir.OpNe, boolType, argument(intType, 1), constant(intType, 99)),
			}},
			Keep: []ir.Field{{Name: "bytes", Type: intType}}, Key: uintType, Entries: 2, Longest: time.Second,
		},
		Hooks: []ir.Hook{{
			PairKey: argument(uintType, 0), Keys: []*ir.Expr{kept}, Measures: []*ir.Expr{apply(ir.OpElapsed, ir.Type{Kind: ir.Duration})},
			Where: apply(ir.OpGt, boolType, kept, constant(intType, 0)),
		}},
		Keys:     []ir.Field{{Name: "bytes", Type: intType}},
		Measures: []ir.Measure{{Name: "took", Kind: ir.Sum, Type: ir.Type{Kind: ir.Duration}}},
		Entries:  10, SampleOneIn: 2,
	}
	time, draw := &clock{now: 1000}, uint32(0)
	m := interp.New(probe, interp.World{Running: time.running, Random: func() uint32 { return draw }})
	require.True(t, run(t, m, true, 1, 10).Kept)
	require.False(t, run(t, m, true, 2, 99).Kept, "where does not hold")
	draw = 1 << 31
	require.False(t, run(t, m, true, 2, 20).Kept, "not sampled")
	draw = 1<<31 - 1
	require.True(t, run(t, m, true, 2, 20).Kept)
	require.Equal(t, ir.PairsFull, run(t, m, true, 3, 30).Loss)
	time.now += 5
	require.True(t, run(t, m, true, 2, 0).Kept, "what is kept already is replaced")
	draw = math.MaxUint32
	require.True(t, run(t, m, false, 1).Matched, "ends are not sampled")
	require.Equal(t, interp.Outcome{}, run(t, m, false, 2), "where of the end")
	require.Equal(t, ir.PairsMissing, run(t, m, false, 2).Loss, "an end takes its start out")
	draw = 0
	run(t, m, true, 4, 10)
	time.now += 1_000_000_001
	require.Equal(t, ir.PairsMissing, run(t, m, false, 4).Loss, "too long ago")
	require.Equal(t, []ir.Row{{Keys: []ir.Value{{Number: 10}}, Measures: []ir.Measured{{Number: 5}}}}, m.Rows())
	require.Equal(t, [ir.Losses]uint64{ir.PairsFull: 1, ir.PairsMissing: 2}, m.Losses())
}

func TestEvents(t *testing.T) {
	allowed := true
	probe := &ir.Probe{
		Hooks: []ir.Hook{{
			Kind: ir.RawTracepoint, Guard: apply(ir.OpScoped, boolType, argument(uintType, 0)),
			Where: apply(ir.OpGt, boolType, apply(ir.OpDiv, intType, constant(intType, 100), argument(intType, 1)), constant(intType, 9)),
			Emit:  []*ir.Expr{argument(intType, 1), apply(ir.OpStack, uintType)},
		}},
		Emit: []ir.Field{{Name: "n", Type: intType}, {Name: "stack", Type: uintType}},
	}
	m := interp.New(probe, interp.World{
		Scoped:  func(owner uint64) bool { return owner == 7 },
		Allowed: func(uint64) bool { return allowed },
		Running: func() interp.Running { return interp.Running{Stack: -17} },
	})
	require.Equal(t, interp.Outcome{}, run(t, m, false, 8, 0), "out of scope")
	require.Equal(t, ir.ReadFailed, run(t, m, false, 7, 0).Loss)
	require.Equal(t, interp.Outcome{}, run(t, m, false, 7, 11))
	require.True(t, run(t, m, false, 7, 10).Event)
	allowed = false
	require.Equal(t, ir.EventsLimited, run(t, m, false, 7, 10).Loss)
	require.Len(t, m.Events(), 1)
	require.Equal(t, [ir.Losses]uint64{ir.ReadFailed: 1, ir.EventsLimited: 1, ir.StacksFull: 2}, m.Losses())
	require.Empty(t, m.Rows(), "without measures no rows are kept")
	_, err := m.Run(1, false, nil)
	require.Error(t, err)
	_, err = m.Run(0, true, nil)
	require.Error(t, err)
}

func TestTop(t *testing.T) {
	probe := &ir.Probe{
		Hooks: []ir.Hook{{Keys: []*ir.Expr{argument(uintType, 0)}, Measures: []*ir.Expr{
			argument(intType, 1), argument(intType, 1), argument(intType, 1), argument(intType, 1),
		}}},
		Keys: []ir.Field{{Name: "key", Type: uintType}}, Entries: 4, Top: &ir.Top{K: 2, Measure: 1},
		Measures: []ir.Measure{
			{Name: "sum", Kind: ir.Sum, Type: intType}, {Name: "least", Kind: ir.Min, Type: intType},
			{Name: "mean", Kind: ir.Average, Type: intType}, {Name: "sizes", Kind: ir.Histogram, Type: intType, Bounds: []int64{0}},
		},
	}
	m := interp.New(probe, interp.World{})
	rows, other := m.Top()
	require.Empty(t, rows)
	require.Nil(t, other)
	for _, match := range [][2]int64{{1, -7}, {2, 5}, {3, -1}, {4, 9}, {5, 100}, {5, 3}} {
		run(t, m, false, signed(match[0]), signed(match[1]))
	}
	rows, other = m.Top()
	require.Equal(t, []ir.Value{{Number: 4}}, rows[0].Keys)
	require.Equal(t, []ir.Value{{Number: 2}}, rows[1].Keys)
	require.Len(t, rows, 2)
	require.Equal(t, &ir.Row{Measures: []ir.Measured{
		{Number: 95}, {Number: signed(-7)}, {Number: 95, Count: 4}, {Buckets: []uint64{2, 2}},
	}}, other)
}
