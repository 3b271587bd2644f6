// SPDX-License-Identifier: Apache-2.0

package gen_test

import (
	"encoding/binary"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/probe/gen"
	"github.com/aeolus-ebpf/aeolus/internal/probe/interp"
	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

// Short names for expressions.

func typeOf(kind ir.Kind) ir.Type { return ir.Type{Kind: kind} }

func number(kind ir.Kind, n uint64) *ir.Expr {
	return &ir.Expr{Op: ir.OpConst, Type: typeOf(kind), Const: n}
}

func op(o ir.Op, kind ir.Kind, args ...*ir.Expr) *ir.Expr {
	return &ir.Expr{Op: o, Type: typeOf(kind), Args: args}
}

func argument(kind ir.Kind, i int) *ir.Expr {
	return &ir.Expr{Op: ir.OpContext, Type: typeOf(kind), Load: ir.Load{Offset: 8 * i, Size: 8}}
}

func load(t ir.Type, base *ir.Expr, l ir.Load) *ir.Expr {
	return &ir.Expr{Op: ir.OpLoad, Type: t, Args: []*ir.Expr{base}, Load: l}
}

// planted is memory of the kernel with something in it.
type planted struct {
	base    uint64
	content []byte
}

func (p planted) Read(address uint64, into []byte) bool {
	if address < p.base || address+uint64(len(into)) > p.base+uint64(len(p.content)) {
		return false
	}
	copy(into, p.content[address-p.base:])
	return true
}

// both evaluates an expression by a program and by the interpreter, and wants the same of them.
func both(t *testing.T, e *ir.Expr, content []byte, arguments func(base uint64) []uint64, features gen.Features) (ir.Value, bool) {
	t.Helper()
	made, err := gen.Evaluate(e, len(content), gen.Options{Features: features})
	require.NoError(t, err)
	collection, err := ebpf.NewCollection(made.Spec)
	if err != nil {
		t.Fatalf("%+v\n%v", err, made.Spec.Programs[gen.ProgramEvaluate].Instructions)
	}
	defer collection.Close()
	require.NoError(t, collection.Maps[gen.MapMemory].Put(uint32(0), pad(content)))
	run := func(name string, context []byte) []byte {
		_, err := collection.Programs[name].Run(&ebpf.RunOptions{Context: context})
		require.NoError(t, err)
		out, err := collection.Maps[gen.MapResult].LookupBytes(uint32(0))
		require.NoError(t, err)
		return out
	}
	base := binary.NativeEndian.Uint64(run(gen.ProgramAddress, make([]byte, 8)))
	context := make([]byte, 0, 96)
	for _, a := range arguments(base) {
		context = binary.NativeEndian.AppendUint64(context, a)
	}
	context = append(context, make([]byte, 96-len(context))...)
	got, ok, err := made.Result(run(gen.ProgramEvaluate, context))
	require.NoError(t, err)
	want, err := interp.Evaluate(e, interp.World{Memory: planted{base, content}}, context)
	if failed := (*interp.Failure)(nil); err != nil {
		require.ErrorAs(t, err, &failed)
		require.False(t, ok, "the program gives %v", got)
		return got, ok
	}
	require.True(t, ok, "the program fails, the interpreter gives %v", want)
	require.Equal(t, want, got)
	return got, ok
}

func pad(content []byte) []byte { return append(content, make([]byte, max(0, 8-len(content)))...) }

func TestScalars(t *testing.T) {
	testkit.RequireRoot(t)
	a, b := argument(ir.Int, 0), argument(ir.Int, 1)
	u, v := argument(ir.Uint, 0), argument(ir.Uint, 1)
	least, most := uint64(1)<<63, ^uint64(0)
	inputs := [][]uint64{{0, 0}, {7, 2}, {most, 3}, {least, most}, {least, 1}, {5, most - 2}, {1 << 40, 63}, {3, 64}, {most, 1}}
	for _, o := range []ir.Op{ir.OpAdd, ir.OpSub, ir.OpMul, ir.OpDiv, ir.OpMod, ir.OpBitAnd, ir.OpBitOr, ir.OpBitXor, ir.OpShl, ir.OpShr} {
		for _, in := range inputs {
			both(t, op(o, ir.Int, a, b), nil, func(uint64) []uint64 { return in }, gen.Features{})
			both(t, op(o, ir.Uint, u, v), nil, func(uint64) []uint64 { return in }, gen.Features{})
			both(t, op(o, ir.Int, a, number(ir.Int, in[1])), nil, func(uint64) []uint64 { return in }, gen.Features{SignedOps: true})
			both(t, op(o, ir.Uint, number(ir.Uint, in[0]), v), nil, func(uint64) []uint64 { return in }, gen.Features{})
		}
	}
	for _, o := range []ir.Op{ir.OpEq, ir.OpNe, ir.OpLt, ir.OpLe, ir.OpGt, ir.OpGe} {
		for _, in := range inputs {
			both(t, op(o, ir.Bool, a, b), nil, func(uint64) []uint64 { return in }, gen.Features{})
			both(t, op(o, ir.Bool, number(ir.Uint, in[0]), v), nil, func(uint64) []uint64 { return in }, gen.Features{})
		}
	}
	for _, o := range []ir.Op{ir.OpNegate, ir.OpInvert, ir.OpLog2} {
		for _, in := range inputs {
			both(t, op(o, ir.Uint, u), nil, func(uint64) []uint64 { return in }, gen.Features{})
		}
	}
	for _, size := range []int{1, 2, 4, 8} {
		narrow, swap := op(ir.OpNarrow, ir.Int, u), op(ir.OpSwap, ir.Uint, u)
		narrow.Load, swap.Load = ir.Load{Size: size, Signed: true}, ir.Load{Size: size}
		for _, in := range inputs {
			both(t, narrow, nil, func(uint64) []uint64 { return in }, gen.Features{})
			both(t, swap, nil, func(uint64) []uint64 { return in }, gen.Features{})
		}
	}
}

func TestLogic(t *testing.T) {
	testkit.RequireRoot(t)
	a, b := argument(ir.Int, 0), argument(ir.Int, 1)
	zero := number(ir.Int, 0)
	isA, isB := op(ir.OpGt, ir.Bool, a, zero), op(ir.OpGt, ir.Bool, b, zero)
	quotient := op(ir.OpGt, ir.Bool, op(ir.OpDiv, ir.Int, a, b), number(ir.Int, 1))
	for _, e := range []*ir.Expr{
		op(ir.OpAnd, ir.Bool, isA, isB), op(ir.OpOr, ir.Bool, isA, isB), op(ir.OpNot, ir.Bool, op(ir.OpAnd, ir.Bool, isA, quotient)),
		op(ir.OpOr, ir.Bool, op(ir.OpNot, ir.Bool, quotient), isA),
		op(ir.OpCond, ir.Int, isA, op(ir.OpAdd, ir.Int, a, b), op(ir.OpDiv, ir.Int, a, b)),
		op(ir.OpCond, ir.Bool, isA, isB, quotient), op(ir.OpGuard, ir.Int, isA, b), op(ir.OpTry, ir.Int, op(ir.OpDiv, ir.Int, a, b), a),
	} {
		for _, in := range [][]uint64{{0, 0}, {4, 1}, {1, 0}, {0, 1}, {9, 2}, {^uint64(0), 1}} {
			both(t, e, nil, func(uint64) []uint64 { return in }, gen.Features{})
		}
	}
}
