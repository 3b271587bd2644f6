// SPDX-License-Identifier: Apache-2.0

package gen_test

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/aeolus-ebpf/aeolus/internal/probe/gen"
	"github.com/aeolus-ebpf/aeolus/internal/probe/interp"
	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

// step is one run of one of a probe's programs.
type step struct {
	hook      int
	start     bool
	arguments []uint64
}

// replay runs a probe of raw tracepoints in the kernel and in the interpreter, and wants the same rows, losses and events.
func replay(t *testing.T, probe *ir.Probe, features gen.Features, steps []step) (running, *interp.Machine) {
	t.Helper()
	r := load1(t, probe, features)
	machine := interp.New(probe, interp.World{})
	for _, s := range steps {
		context := make([]byte, 0, 96)
		for _, a := range s.arguments {
			context = binary.NativeEndian.AppendUint64(context, a)
		}
		context = append(context, make([]byte, 96-len(context))...)
		_, err := machine.Run(s.hook, s.start, context)
		require.NoError(t, err)
		for _, p := range r.object.Programs {
			if p.Hook == s.hook && p.Start == s.start {
				_, err := r.Programs[p.Name].Run(&ebpf.RunOptions{Context: context})
				require.NoError(t, err)
			}
		}
	}
	require.Equal(t, machine.Rows(), r.allRows(t))
	require.Equal(t, machine.Losses(), r.losses(t))
	if want := machine.Events(); len(want) > 0 {
		got := r.events(t, len(want))
		for i := range got {
			got[i].Time, got[i].CPU = want[i].Time, want[i].CPU
			if len(got[i].Measured) == 0 {
				got[i].Measured = want[i].Measured
			}
			require.Equal(t, want[i].Keys, got[i].Keys)
			require.Equal(t, want[i].Measured, got[i].Measured)
			require.Equal(t, len(want[i].Emit), len(got[i].Emit))
			for k := range want[i].Emit {
				require.Equal(t, want[i].Emit[k], got[i].Emit[k])
			}
		}
	}
	return r, machine
}

// allRows are the rows in the order of their keys, and last the one called other if it has anything.
func (r running) allRows(t *testing.T) []ir.Row {
	t.Helper()
	list := r.rows(t)
	slices.SortFunc(list, func(a, b ir.Row) int { return bytes.Compare(encoded(a.Keys), encoded(b.Keys)) })
	if other := r.Maps[gen.MapOther]; other != nil {
		var values [][]byte
		require.NoError(t, other.Lookup(uint32(0), &values))
		row, err := r.object.Layout.Row(nil, values...)
		require.NoError(t, err)
		if !bytes.Equal(bytes.Join(values, nil), make([]byte, len(bytes.Join(values, nil)))) {
			list = append(list, row)
		}
	}
	return list
}

func encoded(keys []ir.Value) []byte {
	var out []byte
	for _, k := range keys {
		if k.Wide != nil {
			out = append(out, k.Wide...)
			continue
		}
		out = binary.NativeEndian.AppendUint64(out, k.Number)
	}
	return out
}

// measured is a probe with a key and every measure of one value.
func measured(kind ir.Kind, hooks int) *ir.Probe {
	key, value := argument(ir.Uint, 0), argument(kind, 1)
	hook := ir.Hook{Kind: ir.RawTracepoint, Target: "sys_enter", Keys: []*ir.Expr{key}}
	probe := &ir.Probe{Name: "measured", Keys: []ir.Field{{Name: "key", Type: key.Type}}, Entries: 3}
	bounds := []int64{1, 10, 100, 1000, 1 << 40}
	if kind != ir.Uint {
		bounds = append([]int64{-1000, -1, 0}, bounds...)
	}
	add := func(m ir.Measure, e *ir.Expr) {
		probe.Measures = append(probe.Measures, m)
		hook.Measures = append(hook.Measures, e)
	}
	add(ir.Measure{Name: "count", Kind: ir.Count}, nil)
	add(ir.Measure{Name: "rate", Kind: ir.Rate}, nil)
	for _, k := range []ir.MeasureKind{ir.Sum, ir.Min, ir.Max, ir.Average, ir.Log2Histogram, ir.Rate} {
		add(ir.Measure{Name: "measure", Kind: k, Type: value.Type}, value)
	}
	add(ir.Measure{Name: "buckets", Kind: ir.Histogram, Type: value.Type, Bounds: bounds}, value)
	add(ir.Measure{Name: "different", Kind: ir.Distinct, Type: value.Type, Precision: 7}, value)
	for range hooks {
		probe.Hooks = append(probe.Hooks, hook)
	}
	return probe
}

func TestMeasures(t *testing.T) {
	testkit.RequireRoot(t)
	var steps []step
	numbers := []uint64{0, 1, 2, 9, 10, 11, 1000, 1 << 31, 1 << 32, 1<<40 - 1, 1 << 62, math.MaxInt64, 1 << 63, math.MaxUint64, math.MaxUint64 - 999}
	for i, n := range numbers {
		steps = append(steps, step{arguments: []uint64{uint64(i % 5), n}}, step{arguments: []uint64{1, n * 7}})
	}
	for _, kind := range []ir.Kind{ir.Int, ir.Uint, ir.Duration} {
		for _, features := range []gen.Features{{}, modern} {
			replay(t, measured(kind, 1), features, steps)
		}
	}
}

func TestDistinctOfWide(t *testing.T) {
	testkit.RequireRoot(t)
	probe := measured(ir.Uint, 1)
	key := argument(ir.Uint, 0)
	wide := op(ir.OpCond, ir.IP, op(ir.OpEq, ir.Bool, key, number(ir.Uint, 1)), wideConst(typeOf(ir.IP), "one"), wideConst(typeOf(ir.IP), "two"))
	probe.Measures = []ir.Measure{{Name: "different", Kind: ir.Distinct, Type: wide.Type, Precision: 4}}
	probe.Hooks[0].Measures = []*ir.Expr{wide}
	replay(t, probe, gen.Features{}, []step{{arguments: []uint64{1}}, {arguments: []uint64{2}}, {arguments: []uint64{1}}})
}

func TestWithoutKeys(t *testing.T) {
	testkit.RequireRoot(t)
	probe := measured(ir.Int, 2)
	probe.Keys, probe.Hooks[0].Keys, probe.Hooks[1].Keys = nil, nil, nil
	replay(t, probe, modern, []step{{arguments: []uint64{1, 4}}, {hook: 1, arguments: []uint64{1, 5}}})
}

func TestFailures(t *testing.T) {
	testkit.RequireRoot(t)
	probe := measured(ir.Int, 1)
	value := probe.Hooks[0].Measures[2]
	probe.Hooks[0].Guard = op(ir.OpNe, ir.Bool, value, number(ir.Int, 3))
	probe.Hooks[0].Where = op(ir.OpNot, ir.Bool, op(ir.OpGt, ir.Bool, op(ir.OpDiv, ir.Int, number(ir.Int, 8), value), number(ir.Int, 2)))
	replay(t, probe, modern, []step{
		{arguments: []uint64{1, 0}}, {arguments: []uint64{1, 1}}, {arguments: []uint64{1, 3}}, {arguments: []uint64{1, 4}}})
}

func TestTrigger(t *testing.T) {
	testkit.RequireRoot(t)
	for _, features := range []gen.Features{{}, modern} {
		probe := measured(ir.Int, 1)
		var asked []int
		for i, m := range probe.Measures {
			if m.Kind != ir.Log2Histogram && m.Kind != ir.Histogram && m.Kind != ir.Distinct {
				asked = append(asked, i)
			}
		}
		when := &ir.Expr{Op: ir.OpMeasured, Type: typeOf(ir.Uint), Const: 0}
		probe.Trigger = &ir.Trigger{When: op(ir.OpGe, ir.Bool, when, number(ir.Uint, 3)), Within: time.Hour, Measures: asked}
		probe.Emit = []ir.Field{{Name: "value", Type: typeOf(ir.Int)}}
		probe.Hooks[0].Target, probe.Hooks[0].Emit = "quiet", []*ir.Expr{probe.Hooks[0].Measures[2]}
		var steps []step
		for i := range 20 {
			steps = append(steps, step{arguments: []uint64{uint64(i % 4), uint64(i*i) - 9}})
		}
		r, machine := replay(t, probe, features, steps)
		require.Len(t, machine.Events(), 3)
		require.Equal(t, 1, r.object.Sampled)
	}
}

func TestPairs(t *testing.T) {
	testkit.RequireRoot(t)
	probe := measured(ir.Int, 1)
	kept := &ir.Expr{Op: ir.OpKept, Type: typeOf(ir.Int)}
	name := &ir.Expr{Op: ir.OpKept, Type: text(24), Const: 1}
	probe.Hooks[0].PairKey = argument(ir.Uint, 0)
	probe.Hooks[0].Where = op(ir.OpLt, ir.Bool, kept, number(ir.Int, 100))
	probe.Hooks[0].Keys = []*ir.Expr{name}
	probe.Keys = []ir.Field{{Name: "name", Type: text(24)}}
	probe.Hooks[0].Emit = []*ir.Expr{kept}
	probe.Emit = []ir.Field{{Name: "kept", Type: typeOf(ir.Int)}}
	start := ir.Hook{Kind: ir.RawTracepoint, Target: "sys_enter", PairKey: argument(ir.Uint, 0),
		Where: op(ir.OpNe, ir.Bool, argument(ir.Int, 1), number(ir.Int, 5)),
		Keep:  []*ir.Expr{argument(ir.Int, 1), wideConst(text(24), "a text of some length")}}
	probe.Pair = &ir.Pair{Starts: []ir.Hook{start}, Key: typeOf(ir.Uint), Entries: 3, Longest: time.Hour,
		Keep: []ir.Field{{Name: "n", Type: typeOf(ir.Int)}, {Name: "text", Type: text(24)}}}
	replay(t, probe, modern, []step{
		{start: true, arguments: []uint64{1, 10}}, {start: true, arguments: []uint64{2, 500}}, {start: true, arguments: []uint64{3, 5}},
		{arguments: []uint64{1, 7}}, {arguments: []uint64{2, 7}}, {arguments: []uint64{3, 7}}, {arguments: []uint64{1, 7}},
		{start: true, arguments: []uint64{4, 1}}, {start: true, arguments: []uint64{5, 1}}, {start: true, arguments: []uint64{6, 1}},
		{start: true, arguments: []uint64{7, 1}}, {start: true, arguments: []uint64{4, 2}}, {arguments: []uint64{4, 9}},
	})
}

// TestTogether lets several processors count for one trigger: it answers once, and nothing is lost.
func TestTogether(t *testing.T) {
	testkit.RequireRoot(t)
	const runners, times = 4, 3000
	probe := measured(ir.Int, 1)
	count := &ir.Expr{Op: ir.OpMeasured, Type: typeOf(ir.Uint), Const: 0}
	probe.Trigger = &ir.Trigger{When: op(ir.OpGe, ir.Bool, count, number(ir.Uint, 100)), Within: time.Hour, Measures: []int{0, 4}}
	probe.Hooks[0].Target = "quiet"
	r := load1(t, probe, modern)
	// The window is opened before they start: the instant of opening is not exact.
	run := func(value uint64) error {
		context := make([]byte, 96)
		binary.NativeEndian.PutUint64(context[8:], value)
		_, err := r.Programs["hook0"].Run(&ebpf.RunOptions{Context: context})
		return err
	}
	require.NoError(t, run(0))
	var group errgroup.Group
	for runner := range runners {
		group.Go(func() error {
			for i := range times {
				if err := run(uint64(runner*times + i)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	require.NoError(t, group.Wait())
	require.EqualValues(t, 1+runners*times, r.rows(t)[0].Measures[0].Number)
	require.EqualValues(t, runners*times-1, r.rows(t)[0].Measures[4].Number)
	window := make([]byte, 32)
	require.NoError(t, r.Maps[gen.MapWindows].Lookup(uint64(0), &window))
	require.EqualValues(t, 1+runners*times, binary.NativeEndian.Uint64(window[16:]))
	require.EqualValues(t, uint64(runners*times-1)^1<<63, binary.NativeEndian.Uint64(window[24:]))
	require.Len(t, r.events(t, 1), 1)
	require.Zero(t, r.losses(t))
}

// TestFullRing has nobody who reads.
func TestFullRing(t *testing.T) {
	testkit.RequireRoot(t)
	probe := measured(ir.Int, 1)
	probe.Emit = []ir.Field{{Name: "value", Type: typeOf(ir.Int)}}
	probe.Hooks[0].Emit = []*ir.Expr{probe.Hooks[0].Measures[2]}
	probe.Budget.Events = 1_000_000_000
	r := load1(t, probe, modern)
	const times = 5000
	for range times {
		_, err := r.Programs["hook0"].Run(&ebpf.RunOptions{Context: make([]byte, 96)})
		require.NoError(t, err)
	}
	lost := r.losses(t)[ir.EventsFull]
	require.NotZero(t, lost)
	require.EqualValues(t, times, r.rows(t)[0].Measures[0].Number)
	r.events(t, int(times-lost))
}

// TestSampledTrigger has a hook that is reached so often that one match in sixteen is counted for sixteen.
func TestSampledTrigger(t *testing.T) {
	testkit.RequireRoot(t)
	probe := measured(ir.Int, 1)
	count := &ir.Expr{Op: ir.OpMeasured, Type: typeOf(ir.Uint), Const: 0}
	probe.Trigger = &ir.Trigger{When: op(ir.OpGe, ir.Bool, count, number(ir.Uint, 40)), Within: time.Hour, Measures: []int{0, 2}}
	r := load1(t, probe, modern)
	require.Equal(t, 16, r.object.Sampled)
	for range 2000 {
		_, err := r.Programs["hook0"].Run(&ebpf.RunOptions{Context: make([]byte, 96)})
		require.NoError(t, err)
	}
	require.Equal(t, []uint64{48, 0}, r.events(t, 1)[0].Measured)
	require.EqualValues(t, 2000, r.rows(t)[0].Measures[0].Number)
}

// TestWithoutMeasures only emits.
func TestWithoutMeasures(t *testing.T) {
	testkit.RequireRoot(t)
	probe := measured(ir.Int, 1)
	probe.Emit = []ir.Field{{Name: "value", Type: typeOf(ir.Int)}}
	probe.Hooks[0].Emit = []*ir.Expr{probe.Hooks[0].Measures[2]}
	probe.Measures, probe.Hooks[0].Measures = nil, nil
	replay(t, probe, modern, []step{{arguments: []uint64{1, 4}}, {arguments: []uint64{1, 5}}})
}

// TestWindows lets windows end, and has each answer once.
func TestWindows(t *testing.T) {
	testkit.RequireRoot(t)
	for _, features := range []gen.Features{{}, modern} {
		probe := measured(ir.Int, 1)
		count := &ir.Expr{Op: ir.OpMeasured, Type: typeOf(ir.Uint), Const: 0}
		probe.Trigger = &ir.Trigger{When: op(ir.OpGe, ir.Bool, count, number(ir.Uint, 3)), Within: 200 * time.Millisecond, Measures: []int{0, 2}}
		probe.Hooks[0].Target = "quiet"
		r := load1(t, probe, features)
		run := func(times int) {
			for range times {
				_, err := r.Programs["hook0"].Run(&ebpf.RunOptions{Context: make([]byte, 96)})
				require.NoError(t, err)
			}
		}
		run(10)
		require.Equal(t, []uint64{3, 0}, r.events(t, 1)[0].Measured)
		time.Sleep(250 * time.Millisecond)
		run(2)
		time.Sleep(250 * time.Millisecond)
		run(4)
		event := r.events(t, 1)[0]
		require.True(t, event.Triggered)
		require.Equal(t, []uint64{3, 0}, event.Measured)
		require.Zero(t, r.losses(t))
	}
}
