// SPDX-License-Identifier: Apache-2.0

package gen_test

import (
	"bytes"
	"encoding/binary"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/probe/gen"
	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

var update = flag.Bool("update", false, "write the golden listings anew")

// listing is a program as a person reads it: what each instruction is for, its bytes, and the instruction.
func listing(t *testing.T, object *gen.Object) string {
	t.Helper()
	var out strings.Builder
	for _, p := range object.Programs {
		fmt.Fprintf(&out, "%s: %d instructions, %d bytes of stack, %d ns\n", p.Name, p.Instructions, p.StackBytes, p.Cost)
		at, line := 0, 0
		for _, i := range object.Spec.Programs[p.Name].Instructions {
			for line < len(p.Lines) && p.Lines[line].Instruction == at {
				fmt.Fprintf(&out, "; %s\n", p.Lines[line].What)
				line++
			}
			var raw bytes.Buffer
			_, err := i.Marshal(&raw, binary.LittleEndian)
			require.NoError(t, err)
			fmt.Fprintf(&out, "%4d: %x %v\n", at, raw.Bytes()[:8], i)
			at += int(i.Width())
		}
	}
	for _, m := range object.Maps {
		fmt.Fprintf(&out, "%s: %d entries, %d bytes: %s\n", m.Name, m.Entries, m.Bytes, m.Purpose)
	}
	return out.String()
}

// goldens are probes written by hand, for no kernel in particular.
func goldens() map[string]*ir.Probe {
	list := map[string]*ir.Probe{
		"established-typed": established(ir.BTFTracepoint), "established-raw": established(ir.RawTracepoint),
		"measures": measured(ir.Int, 1), "measures-of-two-hooks": measured(ir.Uint, 2),
	}
	hook, sk, state := stateHook(ir.BTFTracepoint)
	list["count"] = simple(hook, state)
	list["count"].Emit, list["count"].Hooks[0].Emit = nil, nil
	tcp := &ir.Expr{Op: ir.OpCast, Type: directTo("tcp_sock"), Args: []*ir.Expr{sk, op(ir.OpNe, ir.Bool, state, number(ir.Int, 12))}}
	rtt := op(ir.OpShr, ir.Uint, load(typeOf(ir.Uint), tcp, ir.Load{Offset: 1600, Size: 4}), number(ir.Uint, 3))
	list["cast"] = simple(hook, rtt)
	list["cast-and-filter"] = simple(hook, state)
	list["cast-and-filter"].Hooks[0].Where = op(ir.OpAnd, ir.Bool, op(ir.OpGt, ir.Bool, rtt, number(ir.Uint, 50)),
		op(ir.OpOr, ir.Bool, op(ir.OpEq, ir.Bool, state, number(ir.Int, 1)), op(ir.OpEq, ir.Bool, state, number(ir.Int, 7))))
	list["divided"] = simple(hook, op(ir.OpDiv, ir.Int, state, load(typeOf(ir.Int), sk, ir.Load{Offset: socketFamily, Size: 2})))
	list["text"] = simple(hook, &ir.Expr{Op: ir.OpComm, Type: text(16)})
	list["text"].Hooks[0].Where = &ir.Expr{Op: ir.OpPrefix, Type: typeOf(ir.Bool), Args: []*ir.Expr{list["text"].Hooks[0].Keys[0]}, Wide: []byte("nginx")}
	list["sampled"] = simple(hook, state)
	list["sampled"].SampleOneIn = 100
	list["scoped"] = simple(hook, state)
	list["scoped"].Hooks[0].Guard = op(ir.OpScoped, ir.Bool, op(ir.OpCgroup, ir.Uint))
	list["trigger"] = established(ir.BTFTracepoint)
	list["trigger"].Trigger = &ir.Trigger{Within: time.Second, Measures: []int{0},
		When: op(ir.OpGe, ir.Bool, op(ir.OpMeasured, ir.Uint), number(ir.Uint, 5))}
	list["pair"] = simple(hook, state)
	list["pair"].Hooks[0].PairKey = sk
	list["pair"].Hooks[0].Keys[0] = op(ir.OpElapsed, ir.Duration)
	list["pair"].Pair = &ir.Pair{Starts: []ir.Hook{{Kind: ir.BTFTracepoint, Target: "tcp_probe", PairKey: sk}}, Key: sk.Type, Entries: 100, Longest: time.Minute}
	list["packet"] = simple(ir.Hook{Kind: ir.TCX, Direction: "ingress"}, &ir.Expr{Op: ir.OpPacket, Type: typeOf(ir.Int), Args: []*ir.Expr{number(ir.Uint, 0)},
		Load: ir.Load{Offset: 12, Size: 2, BigEndian: true}})
	return list
}

func TestGolden(t *testing.T) {
	for name, probe := range goldens() {
		object, err := gen.Generate(probe, gen.Options{Features: modern, CPUs: 2})
		require.NoError(t, err, name)
		got := listing(t, object)
		file := filepath.Join("testdata", name+".txt")
		if *update {
			require.NoError(t, os.MkdirAll("testdata", 0o755))
			require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
			continue
		}
		want, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Equal(t, string(want), got, name)
	}
}

// TestSame generates twice.
func TestSame(t *testing.T) {
	for name := range goldens() {
		first, err := gen.Generate(goldens()[name], gen.Options{Features: modern, CPUs: 2})
		require.NoError(t, err)
		second, err := gen.Generate(goldens()[name], gen.Options{Features: modern, CPUs: 2})
		require.NoError(t, err)
		require.Equal(t, first.Hash, second.Hash, name)
		require.Equal(t, first.Programs, second.Programs)
	}
}
