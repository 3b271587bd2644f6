// SPDX-License-Identifier: Apache-2.0

package interp_test

import (
	"encoding/binary"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/probe/interp"
	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

var (
	intType  = ir.Type{Kind: ir.Int}
	uintType = ir.Type{Kind: ir.Uint}
	boolType = ir.Type{Kind: ir.Bool}
	ipType   = ir.Type{Kind: ir.IP}
	thing    = ir.Type{Kind: ir.Pointer, Struct: "thing"}
)

func textOf(size int) ir.Type { return ir.Type{Kind: ir.Text, Size: size} }

func constant(t ir.Type, n int64) *ir.Expr {
	return &ir.Expr{Op: ir.OpConst, Type: t, Const: uint64(n)}
}

func literal(t ir.Type, content string) *ir.Expr {
	return &ir.Expr{Op: ir.OpConst, Type: t, Wide: append([]byte(content), make([]byte, t.Bytes()-len(content))...)}
}

func apply(op ir.Op, t ir.Type, args ...*ir.Expr) *ir.Expr {
	return &ir.Expr{Op: op, Type: t, Args: args}
}

func argument(t ir.Type, index int) *ir.Expr {
	return &ir.Expr{Op: ir.OpContext, Type: t, Load: ir.Load{Offset: index * 8, Size: 8}}
}

func member(t ir.Type, load ir.Load) *ir.Expr {
	return &ir.Expr{Op: ir.OpLoad, Type: t, Args: []*ir.Expr{argument(thing, 0)}, Load: load}
}

// context is what a hook with these arguments hands to its program.
func context(arguments ...uint64) []byte {
	into := []byte{}
	for _, n := range arguments {
		into = binary.LittleEndian.AppendUint64(into, n)
	}
	return into
}

const base = 0xffff888000001000

// struct16 lies at base: 0x8182…8f90, of which the last byte is 0x90.
func struct16() *interp.Segments {
	memory, content := &interp.Segments{}, make([]byte, 16)
	for i := range content {
		content[i] = byte(0x81 + i)
	}
	memory.Put(base, content)
	return memory
}

func TestNumbers(t *testing.T) {
	i, u := func(n int64) *ir.Expr { return constant(intType, n) }, func(n int64) *ir.Expr { return constant(uintType, n) }
	sized := func(op ir.Op, size int, signed bool, of *ir.Expr) *ir.Expr {
		return &ir.Expr{Op: op, Type: of.Type, Args: []*ir.Expr{of}, Load: ir.Load{Size: size, Signed: signed}}
	}
	for name, c := range map[string]struct {
		of   *ir.Expr
		want int64
		fail bool
	}{
		"sum wraps":                  {of: apply(ir.OpAdd, intType, i(math.MaxInt64), i(1)), want: math.MinInt64},
		"difference wraps":           {of: apply(ir.OpSub, uintType, u(0), u(1)), want: -1},
		"product wraps":              {of: apply(ir.OpMul, intType, i(1<<62), i(4)), want: 0},
		"signed division":            {of: apply(ir.OpDiv, intType, i(-7), i(2)), want: -3},
		"signed remainder":           {of: apply(ir.OpMod, intType, i(-7), i(2)), want: -1},
		"unsigned division":          {of: apply(ir.OpDiv, uintType, u(-2), u(2)), want: math.MaxInt64},
		"least by minus one":         {of: apply(ir.OpDiv, intType, i(math.MinInt64), i(-1)), want: math.MinInt64},
		"least modulo minus one":     {of: apply(ir.OpMod, intType, i(math.MinInt64), i(-1)), want: 0},
		"division by zero":           {of: apply(ir.OpDiv, intType, i(1), i(0)), fail: true},
		"remainder of zero":          {of: apply(ir.OpMod, uintType, u(1), u(0)), fail: true},
		"shift by 63":                {of: apply(ir.OpShl, intType, i(1), i(63)), want: math.MinInt64},
		"shift by 64":                {of: apply(ir.OpShl, intType, i(1), i(64)), fail: true},
		"negative shift":             {of: apply(ir.OpShr, intType, i(1), i(-1)), fail: true},
		"signed right shift":         {of: apply(ir.OpShr, intType, i(-8), i(1)), want: -4},
		"unsigned right shift":       {of: apply(ir.OpShr, uintType, u(-8), u(1)), want: math.MaxInt64 - 3},
		"negation of the least":      {of: apply(ir.OpNegate, intType, i(math.MinInt64)), want: math.MinInt64},
		"bits inverted":              {of: apply(ir.OpInvert, uintType, u(5)), want: ^5},
		"signed order":               {of: apply(ir.OpLt, boolType, i(-1), i(0)), want: 1},
		"unsigned order":             {of: apply(ir.OpLt, boolType, u(-1), u(0)), want: 0},
		"narrow signed":              {of: sized(ir.OpNarrow, 1, true, i(0x1ff)), want: -1},
		"narrow unsigned":            {of: sized(ir.OpNarrow, 2, false, i(-1)), want: 0xffff},
		"swap":                       {of: sized(ir.OpSwap, 2, false, u(0xaabb1234)), want: 0x3412},
		"log2 of 0":                  {of: apply(ir.OpLog2, intType, u(0)), want: 0},
		"log2 of 1":                  {of: apply(ir.OpLog2, intType, u(1)), want: 0},
		"log2 of 1023":               {of: apply(ir.OpLog2, intType, u(1023)), want: 9},
		"log2 of minus one":          {of: apply(ir.OpLog2, intType, i(-1)), want: 63},
		"and is lazy":                {of: apply(ir.OpAnd, boolType, constant(boolType, 0), apply(ir.OpEq, boolType, i(1), apply(ir.OpDiv, intType, i(1), i(0)))), want: 0},
		"or is lazy":                 {of: apply(ir.OpOr, boolType, constant(boolType, 1), apply(ir.OpEq, boolType, i(1), apply(ir.OpDiv, intType, i(1), i(0)))), want: 1},
		"or does not catch":          {of: apply(ir.OpOr, boolType, apply(ir.OpEq, boolType, i(1), apply(ir.OpDiv, intType, i(1), i(0))), constant(boolType, 1)), fail: true},
		"not does not catch":         {of: apply(ir.OpNot, boolType, apply(ir.OpEq, boolType, i(1), apply(ir.OpDiv, intType, i(1), i(0)))), fail: true},
		"choice takes one branch":    {of: apply(ir.OpCond, intType, constant(boolType, 1), i(7), apply(ir.OpDiv, intType, i(1), i(0))), want: 7},
		"guard that holds":           {of: apply(ir.OpGuard, intType, constant(boolType, 1), i(7)), want: 7},
		"guard that does not":        {of: apply(ir.OpGuard, intType, constant(boolType, 0), i(7)), fail: true},
		"try":                        {of: apply(ir.OpTry, intType, apply(ir.OpDiv, intType, i(1), i(0)), i(9)), want: 9},
		"one of":                     {of: &ir.Expr{Op: ir.OpOneOf, Type: boolType, Args: []*ir.Expr{i(-1)}, Set: [][]byte{context(3), context(math.MaxUint64)}}, want: 1},
		"not scoped":                 {of: apply(ir.OpScoped, boolType, u(4)), want: 0},
		"random is drawn once":       {of: func() *ir.Expr { r := apply(ir.OpRandom, uintType); return apply(ir.OpSub, uintType, r, r) }(), want: 0},
		"texts of different size":    {of: apply(ir.OpEq, boolType, literal(textOf(4), "ab"), literal(textOf(16), "ab")), want: 1},
		"text that goes on":          {of: apply(ir.OpEq, boolType, literal(textOf(4), "abcd"), literal(textOf(16), "abcde")), want: 0},
		"prefix":                     {of: &ir.Expr{Op: ir.OpPrefix, Type: boolType, Args: []*ir.Expr{literal(textOf(4), "abcd")}, Wide: []byte("abc")}, want: 1},
		"prefix longer than text":    {of: &ir.Expr{Op: ir.OpPrefix, Type: boolType, Args: []*ir.Expr{literal(textOf(4), "abcd")}, Wide: []byte("abcde")}, want: 0},
		"address within 108 bits":    {of: &ir.Expr{Op: ir.OpWithin, Type: boolType, Args: []*ir.Expr{literal(ipType, "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\x0a\x1f\x00\x01")}, Wide: []byte("\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\x0a\x10\x00\x00"), Const: 108}, want: 1},
		"address not within 109":     {of: &ir.Expr{Op: ir.OpWithin, Type: boolType, Args: []*ir.Expr{literal(ipType, "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\x0a\x1f\x00\x01")}, Wide: []byte("\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\x0a\x10\x00\x00"), Const: 109}, want: 0},
		"everything within no bits":  {of: &ir.Expr{Op: ir.OpWithin, Type: boolType, Args: []*ir.Expr{literal(ipType, "\xff")}, Wide: make([]byte, 16)}, want: 1},
		"conversion keeps the bits":  {of: apply(ir.OpLt, boolType, apply(ir.OpConvert, uintType, i(-1)), u(0)), want: 0},
		"shared part of two answers": {of: func() *ir.Expr { d := apply(ir.OpAdd, intType, i(1), i(2)); return apply(ir.OpMul, intType, d, d) }(), want: 9},
	} {
		t.Run(name, func(t *testing.T) {
			draws := uint32(0)
			value, err := interp.Evaluate(c.of, interp.World{Random: func() uint32 { draws++; return draws }}, nil)
			if c.fail {
				require.ErrorAs(t, err, new(*interp.Failure))
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.want, int64(value.Number))
		})
	}
}

func TestReads(t *testing.T) {
	for name, c := range map[string]struct {
		of     *ir.Expr
		number uint64
		wide   string
		fail   bool
	}{
		"unsigned byte":      {of: member(intType, ir.Load{Size: 1}), number: 0x81},
		"signed byte":        {of: member(intType, ir.Load{Size: 1, Signed: true}), number: 0xffffffffffffff81},
		"signed word":        {of: member(intType, ir.Load{Offset: 1, Size: 4, Signed: true}), number: 0xffffffff85848382},
		"big-endian":         {of: member(intType, ir.Load{Size: 2, BigEndian: true}), number: 0x8182},
		"big-endian, signed": {of: member(intType, ir.Load{Size: 2, BigEndian: true, Signed: true}), number: 0xffffffffffff8182},
		"bit field":          {of: member(intType, ir.Load{Size: 1, Bits: 3, Shift: 6}), number: 2},
		"signed bit field":   {of: member(intType, ir.Load{Size: 1, Bits: 2, Shift: 6, Signed: true}), number: 0xfffffffffffffffe},
		"boolean":            {of: member(boolType, ir.Load{Size: 1}), number: 1},
		"last bytes":         {of: member(uintType, ir.Load{Offset: 8, Size: 8}), number: 0x908f8e8d8c8b8a89},
		"beyond the end":     {of: member(uintType, ir.Load{Offset: 9, Size: 8}), fail: true},
		"version 4":          {of: member(ipType, ir.Load{Offset: 4, Size: 4}), wide: "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\x85\x86\x87\x88"},
		"hardware address":   {of: member(ir.Type{Kind: ir.MAC}, ir.Load{Size: 6}), wide: "\x81\x82\x83\x84\x85\x86"},
		"text without end":   {of: member(textOf(4), ir.Load{Size: 4}), wide: "\x81\x82\x83\x84"},
		"through null":       {of: &ir.Expr{Op: ir.OpLoad, Type: intType, Args: []*ir.Expr{argument(thing, 1)}, Load: ir.Load{Offset: 8, Size: 4}}, fail: true},
		"address":            {of: &ir.Expr{Op: ir.OpAddress, Type: thing, Args: []*ir.Expr{argument(thing, 0)}, Load: ir.Load{Offset: 8}}, number: base + 8},
		"address of null":    {of: &ir.Expr{Op: ir.OpAddress, Type: thing, Args: []*ir.Expr{argument(thing, 1)}, Load: ir.Load{Offset: 8}}, fail: true},
		"cast":               {of: apply(ir.OpCast, thing, argument(thing, 0), constant(boolType, 1)), number: base},
		"cast of another":    {of: apply(ir.OpCast, thing, argument(thing, 0), constant(boolType, 0)), fail: true},
		"string that ends":   {of: apply(ir.OpString, textOf(8), argument(thing, 2)), wide: "lo\x00\x00\x00\x00\x00\x00"},
		"string that is cut": {of: apply(ir.OpString, textOf(3), argument(thing, 0)), wide: "\x81\x82\x00"},
		"string that breaks": {of: apply(ir.OpString, textOf(64), argument(thing, 0)), fail: true},
		"packet":             {of: &ir.Expr{Op: ir.OpPacket, Type: uintType, Args: []*ir.Expr{constant(intType, 1)}, Load: ir.Load{Offset: 1, Size: 2, BigEndian: true}}, number: 0x0304},
		"end of the packet":  {of: &ir.Expr{Op: ir.OpPacket, Type: uintType, Args: []*ir.Expr{constant(intType, 2)}, Load: ir.Load{Offset: 1, Size: 2}}, fail: true},
		"before the packet":  {of: &ir.Expr{Op: ir.OpPacket, Type: uintType, Args: []*ir.Expr{constant(intType, -2)}, Load: ir.Load{Offset: 1, Size: 2}}, fail: true},
		"record":             {of: &ir.Expr{Op: ir.OpLoad, Type: uintType, Args: []*ir.Expr{apply(ir.OpRecord, thing)}, Load: ir.Load{Offset: 16, Size: 8}}, number: base + 0x100},
		"end of the record":  {of: &ir.Expr{Op: ir.OpLoad, Type: uintType, Args: []*ir.Expr{apply(ir.OpRecord, thing)}, Load: ir.Load{Offset: 20, Size: 8}}, fail: true},
		"length of a text":   {of: apply(ir.OpLength, intType, apply(ir.OpComm, textOf(16))), number: 5},
		"name of the task":   {of: apply(ir.OpComm, textOf(16)), wide: "nginx\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"},
		"process":            {of: apply(ir.OpPID, intType), number: 7},
	} {
		t.Run(name, func(t *testing.T) {
			memory := struct16()
			memory.Put(base+0x100, []byte("lo\x00"))
			world := interp.World{Memory: memory, Running: func() interp.Running {
				return interp.Running{PID: 7, Comm: [16]byte{'n', 'g', 'i', 'n', 'x', 0, 'x'}, Packet: []byte{1, 2, 3, 4}}
			}}
			value, err := interp.Evaluate(c.of, world, context(base, 0, base+0x100))
			if c.fail {
				require.ErrorAs(t, err, new(*interp.Failure))
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.number, value.Number)
			require.Equal(t, c.wide, string(value.Wide))
		})
	}
}

func TestMalformed(t *testing.T) {
	for name, of := range map[string]*ir.Expr{
		"nothing":               nil,
		"too few operands":      apply(ir.OpAdd, intType, constant(intType, 1)),
		"unknown operation":     apply(ir.Op(250), intType),
		"outside a pair":        apply(ir.OpElapsed, ir.Type{Kind: ir.Duration}),
		"outside a trigger":     apply(ir.OpMeasured, intType),
		"short context":         argument(intType, 4),
		"number of three bytes": member(intType, ir.Load{Size: 3}),
		"field of many bits":    member(intType, ir.Load{Size: 4, Bits: 60, Shift: 9}),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := interp.Evaluate(of, interp.World{Memory: struct16()}, context(base))
			require.Error(t, err)
			require.NotErrorAs(t, err, new(*interp.Failure))
		})
	}
}
