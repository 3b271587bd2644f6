// SPDX-License-Identifier: Apache-2.0

package gen_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/probe/gen"
	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

// TestPressure asks for more values at once than there are registers, across calls.
func TestPressure(t *testing.T) {
	testkit.RequireRoot(t)
	deep := load(typeOf(ir.Int), object, ir.Load{Offset: 8, Size: 4, Signed: true})
	for i := range 20 {
		other := load(typeOf(ir.Int), object, ir.Load{Offset: 16 + 8*i, Size: 8})
		deep = op(ir.OpSub, ir.Int, op(ir.OpMul, ir.Int, other, number(ir.Int, uint64(i+3))), op(ir.OpBitXor, ir.Int, deep, other))
	}
	everywhere(t, deep)
	var flat []*ir.Expr
	for i := range 12 {
		flat = append(flat, load(typeOf(ir.Int), object, ir.Load{Offset: 8 * i, Size: 8}))
	}
	for len(flat) > 1 {
		for i := range len(flat) / 2 {
			flat[i] = op(ir.OpAdd, ir.Int, flat[i], op(ir.OpNegate, ir.Int, flat[len(flat)-1-i]))
		}
		flat = flat[:(len(flat)+1)/2]
	}
	everywhere(t, flat[0])
}

// dice makes random expressions of which parts are shared.
type dice struct {
	*rand.Rand
	numbers, truths []*ir.Expr
}

func pickOne[T any](d *dice, from ...T) T { return from[d.IntN(len(from))] }

func (d *dice) number(depth int) *ir.Expr {
	if depth == 0 || d.IntN(8) == 0 {
		if len(d.numbers) > 0 && d.IntN(3) == 0 {
			return pickOne(d, d.numbers...)
		}
		switch d.IntN(4) {
		case 0:
			return number(ir.Int, pickOne(d, 0, 1, ^uint64(0), 7, 1<<33, 1<<63, 64, d.Uint64()))
		case 1:
			return argument(ir.Int, 1+d.IntN(4))
		default:
			size := pickOne(d, 1, 2, 4, 8)
			return load(typeOf(ir.Int), object, ir.Load{Offset: d.IntN(15) * 8, Size: size, Signed: d.IntN(2) == 0, BigEndian: d.IntN(4) == 0})
		}
	}
	made := d.operation(depth)
	d.numbers = append(d.numbers, made)
	return made
}

func (d *dice) operation(depth int) *ir.Expr {
	switch d.IntN(8) {
	case 0:
		return op(ir.OpCond, ir.Int, d.truth(depth-1), d.number(depth-1), d.number(depth-1))
	case 1:
		return op(pickOne(d, ir.OpNegate, ir.OpInvert, ir.OpLog2), ir.Int, d.number(depth-1))
	case 2:
		return op(pickOne(d, ir.OpDiv, ir.OpMod, ir.OpShl, ir.OpShr), ir.Int, d.number(depth-1), d.number(depth-1))
	case 3:
		return op(ir.OpTry, ir.Int, d.number(depth-1), d.number(depth-1))
	case 4:
		return op(ir.OpConvert, ir.Int, d.truth(depth-1))
	}
	return op(pickOne(d, ir.OpAdd, ir.OpSub, ir.OpMul, ir.OpBitAnd, ir.OpBitOr, ir.OpBitXor), ir.Int, d.number(depth-1), d.number(depth-1))
}

func (d *dice) truth(depth int) *ir.Expr {
	if len(d.truths) > 0 && d.IntN(4) == 0 {
		return pickOne(d, d.truths...)
	}
	if depth <= 0 {
		return op(ir.OpLt, ir.Bool, d.number(0), d.number(0))
	}
	var made *ir.Expr
	switch d.IntN(6) {
	case 0:
		made = op(ir.OpNot, ir.Bool, d.truth(depth-1))
	case 1:
		made = op(ir.OpAnd, ir.Bool, d.truth(depth-1), d.truth(depth-1))
	case 2:
		made = op(ir.OpOr, ir.Bool, d.truth(depth-1), d.truth(depth-1))
	case 3:
		made = op(ir.OpGuard, ir.Bool, d.truth(depth-1), d.truth(depth-1))
	case 4:
		made = op(ir.OpCond, ir.Bool, d.truth(depth-1), d.truth(depth-1), d.truth(depth-1))
	default:
		made = op(pickOne(d, ir.OpEq, ir.OpNe, ir.OpLt, ir.OpLe, ir.OpGt, ir.OpGe), ir.Bool, d.number(depth-1), d.number(depth-1))
	}
	d.truths = append(d.truths, made)
	return made
}

func TestDice(t *testing.T) {
	testkit.RequireRoot(t)
	rounds := 150
	if testkit.Full() {
		rounds = 20_000
	}
	for seed := range uint64(rounds) {
		d := &dice{Rand: rand.New(rand.NewPCG(seed, 4))}
		e := d.number(1 + d.IntN(7))
		arguments := func(base uint64) []uint64 {
			return []uint64{pickOne(d, base, base, base, 0), d.Uint64(), d.Uint64N(70), d.Uint64() % 3, ^uint64(0)}
		}
		both(t, e, content(), arguments, pickOne(d, gen.Features{}, modern))
	}
}

func TestTooMuchStack(t *testing.T) {
	probe := measured(ir.Int, 1)
	probe.Sources = []ir.Source{{Where: "spec.by[1]", Text: "long text"}}
	for i := range 9 {
		e := &ir.Expr{Op: ir.OpString, Type: text(64), Args: []*ir.Expr{argument(ir.Uint, i)}, Pos: ir.Pos{From: 5, To: 9}}
		probe.Keys = append(probe.Keys, ir.Field{Name: "text", Type: e.Type})
		probe.Hooks[0].Keys = append(probe.Hooks[0].Keys, e)
	}
	_, err := gen.Generate(probe, gen.Options{})
	require.ErrorIs(t, err, gen.ErrBounds)
	require.ErrorContains(t, err, `spec.by[1] needs ("text")`)
}

func TestTooMuchMemory(t *testing.T) {
	probe := measured(ir.Int, 1)
	probe.Entries = 1 << 20
	_, err := gen.Generate(probe, gen.Options{CPUs: 64})
	require.ErrorIs(t, err, gen.ErrBounds)
	require.ErrorContains(t, err, "rows")
}

// manyEmitted is a probe whose event has a lot of numbers, which have to wait while calls are made.
func manyEmitted(count int) *ir.Probe {
	hook, sk, state := stateHook(ir.BTFTracepoint)
	probe := simple(hook, state)
	for i := range count {
		e := load(typeOf(ir.Int), sk, ir.Load{Offset: 2 * (i % 9), Size: 2})
		e = op(ir.OpMul, ir.Int, e, number(ir.Int, uint64(i)))
		probe.Emit = append(probe.Emit, ir.Field{Name: "number", Type: e.Type})
		probe.Hooks[0].Emit = append(probe.Hooks[0].Emit, e)
	}
	return probe
}

func TestManyEmitted(t *testing.T) {
	testkit.RequireRoot(t)
	r := load1(t, manyEmitted(50), modern)
	require.LessOrEqual(t, r.object.Programs[0].StackBytes, 512)
	_, err := gen.Generate(manyEmitted(70), gen.Options{})
	require.ErrorIs(t, err, gen.ErrBounds)
	require.ErrorContains(t, err, "an event of")
}

// BenchmarkGenerate is how long generating takes, for a probe of the usual size and for a large one.
func BenchmarkGenerate(b *testing.B) {
	for name, probe := range map[string]*ir.Probe{"usual": established(ir.BTFTracepoint), "large": manyEmitted(50)} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				_, err := gen.Generate(probe, gen.Options{Features: modern})
				require.NoError(b, err)
			}
		})
	}
}
