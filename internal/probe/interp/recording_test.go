// SPDX-License-Identifier: Apache-2.0

package interp_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/probe/interp"
	"github.com/aeolus-ebpf/aeolus/internal/probe/interp/arbitrary"
	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

// handshakes counts slow handshakes by address.
func handshakes() *ir.Probe {
	state := argument(intType, 2)
	state.Load.Path = "newstate"
	smoothed := member(intType, ir.Load{Offset: 4, Size: 2, Path: "tcp_sock.srtt_us"})
	return &ir.Probe{
		Name: "slow-handshakes", Entries: 10,
		Hooks: []ir.Hook{{
			Kind: ir.BTFTracepoint, Target: "inet_sock_set_state",
			Where: apply(ir.OpAnd, boolType,
				apply(ir.OpEq, boolType, state, constant(intType, 1)),
				apply(ir.OpGt, boolType, smoothed, constant(intType, 50))),
			Keys:     []*ir.Expr{member(ipType, ir.Load{Offset: 12, Size: 4, Path: "sock.skc_daddr"})},
			Measures: []*ir.Expr{nil, smoothed},
		}},
		Keys:     []ir.Field{{Name: "daddr", Type: ipType}},
		Measures: []ir.Measure{{Name: "n", Kind: ir.Count}, {Name: "rtt", Kind: ir.Max, Type: intType}},
	}
}

func TestRecordingGolden(t *testing.T) {
	recorder, err := interp.NewRecorder(handshakes(), "d1f9")
	require.NoError(t, err)
	out := &bytes.Buffer{}
	writer, err := recorder.Writer(out)
	require.NoError(t, err)
	time := &clock{now: 81273648123}
	kernel := interp.New(recorder.Probe, interp.World{Memory: struct16(), Running: time.running})
	run(t, kernel, false, base, 0, 1)
	time.now += 1000
	run(t, kernel, false, base, 0, 7)
	run(t, kernel, false, base+0x8000, 0, 1)
	for _, event := range kernel.Events() {
		require.NoError(t, writer.Event(event))
	}
	require.NoError(t, writer.Close([ir.Losses]uint64{ir.EventsFull: 12}))
	golden := filepath.Join("testdata", "recording.jsonl")
	if os.Getenv("UPDATE") != "" {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(golden, out.Bytes(), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), out.String())

	recording, err := interp.Open(bytes.NewReader(want))
	require.NoError(t, err)
	replay, err := interp.NewReplay(handshakes(), recording)
	require.NoError(t, err)
	require.NoError(t, replay.All())
	require.Equal(t, 3, replay.Runs)
	require.Equal(t, map[string]uint64{"events-full": 12}, recording.Losses())
	require.Equal(t, []ir.Row{{
		Keys:     []ir.Value{{Wide: []byte("\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\x8d\x8e\x8f\x90")}},
		Measures: []ir.Measured{{Number: 1}, {Number: 0x8685}},
	}}, replay.Machine.Rows())
	require.Equal(t, [ir.Losses]uint64{ir.ReadFailed: 1}, replay.Machine.Losses())
}

// TestReplayIsWhatWas records random probes with pairs, and replays them: as if they had run there.
func TestReplayIsWhatWas(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 4))
	matched := 0
	for round := range 60 {
		t.Run(fmt.Sprint(round), func(t *testing.T) {
			shape := arbitrary.Thing(random)
			region := arbitrary.Region{Address: base, Bytes: make([]byte, 4096)}
			region.Fill(random, shape)
			memory := &interp.Segments{}
			memory.Put(region.Address, region.Bytes)
			probe := randomProbe(random, shape)
			time := &clock{now: 100}
			world := interp.World{Memory: memory, Running: time.running}
			direct := interp.New(probe, world)
			recorder, err := interp.NewRecorder(probe, "k")
			require.NoError(t, err)
			kernel := interp.New(recorder.Probe, world)
			for range 40 {
				time.now += random.Uint64N(500)
				seen, start := contextOf(random, region, shape), random.IntN(2) == 0
				_, err := direct.Run(0, start, seen)
				require.NoError(t, err)
				hook := 1
				if start {
					hook = 0
				}
				_, err = kernel.Run(hook, false, seen)
				require.NoError(t, err)
			}
			require.Len(t, kernel.Events(), 40)
			replay := replayed(t, probe, recorder, kernel.Events())
			require.Equal(t, direct.Losses(), replay.Losses())
			require.Equal(t, direct.Rows(), replay.Rows())
			require.Equal(t, direct.Events(), replay.Events())
			matched += len(direct.Events())
		})
	}
	require.Greater(t, matched, 60)
}

func replayed(t *testing.T, probe *ir.Probe, recorder *interp.Recorder, events []ir.Event) *interp.Machine {
	t.Helper()
	out := &bytes.Buffer{}
	writer, err := recorder.Writer(out)
	require.NoError(t, err)
	for _, event := range events {
		require.NoError(t, writer.Event(event))
	}
	require.NoError(t, writer.Close([ir.Losses]uint64{}))
	recording, err := interp.Open(out)
	require.NoError(t, err)
	replay, err := interp.NewReplay(probe, recording)
	require.NoError(t, err)
	require.NoError(t, replay.All())
	return replay.Machine
}

// randomProbe has a pair by a small number, and whatever expressions.
func randomProbe(random *rand.Rand, shape *arbitrary.Shape) *ir.Probe {
	drawer := &arbitrary.Drawer{Random: random, Shape: shape}
	key := apply(ir.OpMod, uintType, argument(uintType, 5), constant(uintType, 3))
	kept, emitted := drawer.Type(), drawer.Type()
	mostly := func() *ir.Expr {
		return apply(ir.OpOr, boolType, apply(ir.OpNe, boolType, argument(intType, 6), constant(intType, 0)), drawer.Expr(boolType, 3))
	}
	return &ir.Probe{
		Name: "random", Entries: 20,
		Pair: &ir.Pair{
			Starts: []ir.Hook{{Kind: ir.RawTracepoint, Target: "start", PairKey: key, Where: mostly(), Keep: []*ir.Expr{drawer.Expr(kept, 3)}}},
			Key:    uintType, Keep: []ir.Field{{Name: "kept", Type: kept}}, Entries: 2,
		},
		Hooks: []ir.Hook{{
			Kind: ir.RawTracepoint, Target: "end", PairKey: key, Where: mostly(), Keys: []*ir.Expr{drawer.Expr(intType, 2)},
			Measures: []*ir.Expr{drawer.Expr(uintType, 2)},
			Emit:     []*ir.Expr{{Op: ir.OpKept, Type: kept}, drawer.Expr(emitted, 3), apply(ir.OpElapsed, ir.Type{Kind: ir.Duration})},
		}},
		Keys:     []ir.Field{{Name: "key", Type: intType}},
		Measures: []ir.Measure{{Name: "sum", Kind: ir.Sum, Type: uintType}},
		Emit:     []ir.Field{{Name: "kept", Type: kept}, {Name: "emitted", Type: emitted}, {Name: "took", Type: ir.Type{Kind: ir.Duration}}},
	}
}

func contextOf(random *rand.Rand, region arbitrary.Region, shape *arbitrary.Shape) []byte {
	arguments := make([]uint64, arbitrary.Arguments)
	for i := range arguments {
		arguments[i] = arbitrary.Number(random)
		if i < arbitrary.Pointers {
			arguments[i] = region.Pointer(random, shape)
		}
	}
	return context(arguments...)
}

// TestPointersAreHidden keeps where the kernel lies out of recordings, but not which pointers are the same.
func TestPointersAreHidden(t *testing.T) {
	probe := &ir.Probe{
		Hooks: []ir.Hook{{Kind: ir.RawTracepoint, Emit: []*ir.Expr{argument(thing, 0), argument(thing, 1), argument(thing, 2), argument(thing, 3)}}},
		Emit:  []ir.Field{{Type: thing}, {Type: thing}, {Type: thing}, {Type: thing}},
	}
	recorder, err := interp.NewRecorder(probe, "k")
	require.NoError(t, err)
	kernel := interp.New(recorder.Probe, interp.World{})
	run(t, kernel, false, base, 0, base, base+8)
	replay := replayed(t, probe, recorder, kernel.Events())
	emitted := replay.Events()[0].Emit
	require.NotEqual(t, uint64(base), emitted[0].Number)
	require.Zero(t, emitted[1].Number)
	require.Equal(t, emitted[0], emitted[2])
	require.NotEqual(t, emitted[0], emitted[3])
}

func TestRecorderRefuses(t *testing.T) {
	through := &ir.Expr{Op: ir.OpLoad, Type: intType, Load: ir.Load{Size: 4}, Args: []*ir.Expr{{Op: ir.OpKept, Type: thing}}}
	_, err := interp.NewRecorder(&ir.Probe{
		Pair: &ir.Pair{}, Hooks: []ir.Hook{{Where: apply(ir.OpEq, boolType, through, constant(intType, 1))}},
	}, "")
	require.ErrorContains(t, err, "start of the pair")
}

const firstLine = `{"recording":1,"probe":"p","kernel":"k","hooks":[{"hook":"raw_tp x","start":false,"leaves":[{"key":"k","type":"int"},{"key":"t","type":"string<=2"}]}]}` + "\n"

func TestReaderRefuses(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"nothing":            {"", "it is empty"},
		"another file":       {"<html>", "line 1: invalid character"},
		"another version":    {strings.Replace(firstLine, ":1,", ":2,", 1), "version 2 of recordings is not known"},
		"unknown field":      {strings.Replace(firstLine, "probe", "prob", 1), "unknown field"},
		"unknown type":       {strings.Replace(firstLine, "<=2", "<=x", 1), "unknown type"},
		"no hooks":           {`{"recording":1,"probe":"p","kernel":"k","hooks":[]}`, "0 hooks"},
		"half a line":        {firstLine + `{"now":1,"cpu":`, "line 2: no whole object"},
		"no time":            {firstLine + `{"cpu":1,"hook":0,"leaves":[1,null]}`, "now, cpu or hook is missing"},
		"unknown hook":       {firstLine + `{"now":1,"cpu":1,"hook":1,"leaves":[1,null]}`, "hook 1 of 1"},
		"too few leaves":     {firstLine + `{"now":1,"cpu":1,"hook":0,"leaves":[1]}`, "1 leaves instead of 2"},
		"number too large":   {firstLine + `{"now":1,"cpu":1,"hook":0,"leaves":[18446744073709551616,null]}`, "is no int"},
		"text that is short": {firstLine + `{"now":1,"cpu":1,"hook":0,"leaves":[1,"00"]}`, "is not 4 hexadecimal digits"},
		"text that is none":  {firstLine + `{"now":1,"cpu":1,"hook":0,"leaves":[1,7]}`, "no text of hexadecimal"},
		"after the end":      {firstLine + `{"losses":{"events-full":1}}` + "\n" + `{"now":1,"cpu":1,"hook":0,"leaves":[1,null]}`, "after the losses"},
		"long line":          {firstLine + strings.Repeat(" ", 70_000), "line 2: bufio.Scanner: token too long"},
		"two in a line":      {firstLine + `{"losses":{}} {}`, "more than one object"},
	} {
		t.Run(name, func(t *testing.T) {
			require.ErrorContains(t, readAll(strings.NewReader(c.text)), c.want)
		})
	}
}

func TestReplayRefuses(t *testing.T) {
	open := func(text string) *interp.Recording {
		recording, err := interp.Open(strings.NewReader(text))
		require.NoError(t, err)
		return recording
	}
	probe := &ir.Probe{Hooks: []ir.Hook{{Kind: ir.RawTracepoint, Target: "x", Emit: []*ir.Expr{apply(ir.OpPID, intType)}}}, Emit: []ir.Field{{Type: intType}}}
	replay, err := interp.NewReplay(probe, open(firstLine+`{"now":1,"cpu":1,"hook":0,"leaves":[1,null]}`))
	require.NoError(t, err)
	require.ErrorContains(t, replay.All(), "pid (int) was not recorded")
	probe.Hooks[0].Target = "y"
	_, err = interp.NewReplay(probe, open(firstLine))
	require.ErrorContains(t, err, "has nothing of raw_tp y")
}

func readAll(from io.Reader) error {
	recording, err := interp.Open(from)
	for err == nil {
		_, err = recording.Next()
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func FuzzRecording(f *testing.F) {
	golden, err := os.ReadFile(filepath.Join("testdata", "recording.jsonl"))
	require.NoError(f, err)
	f.Add(golden)
	f.Add([]byte(firstLine + `{"now":1,"cpu":1,"hook":0,"leaves":[1,"0000"]}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		if err := readAll(bytes.NewReader(content)); err != nil {
			return
		}
		recording, err := interp.Open(bytes.NewReader(content))
		require.NoError(t, err)
		if replay, err := interp.NewReplay(handshakes(), recording); err == nil {
			_ = replay.All()
		}
	})
}
