// SPDX-License-Identifier: Apache-2.0

package gen_test

import (
	"net/netip"
	"testing"

	"github.com/cilium/ebpf/btf"
	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/probe/gen"
	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

// object is a pointer to something planted; null, beyond and odd are pointers that cannot be followed.
var object = &ir.Expr{Op: ir.OpContext, Type: ir.Type{Kind: ir.Pointer, Struct: "thing"}, Load: ir.Load{Size: 8}}

func pointers(base uint64) [][]uint64 { return [][]uint64{{base}, {0}, {8}, {0xdead_0000_0000_0000}} }

func content() []byte {
	list := make([]byte, 256)
	for i := range list {
		list[i] = byte(i*37 + 129)
	}
	copy(list[100:], "eth0\x00garbage....")
	copy(list[128:], "0123456789abcdef0123456789abcdef")
	copy(list[200:], "text\x00")
	return list
}

func everywhere(t *testing.T, e *ir.Expr) {
	t.Helper()
	for i := range pointers(0) {
		both(t, e, content(), func(base uint64) []uint64 { return pointers(base)[i] }, gen.Features{SignedOps: i%2 == 0})
	}
}

func text(size int) ir.Type { return ir.Type{Kind: ir.Text, Size: size} }

func wideConst(t ir.Type, content string) *ir.Expr {
	wide := make([]byte, t.Bytes())
	copy(wide, content)
	return &ir.Expr{Op: ir.OpConst, Type: t, Wide: wide}
}

func TestLoads(t *testing.T) {
	testkit.RequireRoot(t)
	for _, l := range []ir.Load{
		{Offset: 3, Size: 1}, {Offset: 4, Size: 2, Signed: true}, {Offset: 8, Size: 4, Signed: true}, {Offset: 8, Size: 4},
		{Offset: 16, Size: 8}, {Offset: 16, Size: 8, BigEndian: true}, {Offset: 6, Size: 2, BigEndian: true},
		{Offset: 12, Size: 4, BigEndian: true, Signed: true}, {Offset: 12, Size: 4, Bits: 5, Shift: 3},
		{Offset: 12, Size: 4, Bits: 7, Shift: 25, Signed: true}, {Offset: 24, Size: 8, Bits: 33, Shift: 31},
		{Offset: 2, Size: 1, Bits: 1, Shift: 7}, {Offset: 2, Size: 1, Bits: 1, Shift: 6},
	} {
		everywhere(t, load(typeOf(ir.Int), object, l))
		everywhere(t, load(typeOf(ir.Bool), object, l))
		everywhere(t, op(ir.OpCond, ir.Int, load(typeOf(ir.Bool), object, l), number(ir.Int, 1), number(ir.Int, 2)))
	}
}

// TestBlocks reads several members of one object, some through a struct within it.
func TestBlocks(t *testing.T) {
	testkit.RequireRoot(t)
	within := &ir.Expr{Op: ir.OpAddress, Type: object.Type, Args: []*ir.Expr{object}, Load: ir.Load{Offset: 40}}
	sum := op(ir.OpAdd, ir.Int, load(typeOf(ir.Int), object, ir.Load{Offset: 12, Size: 4}),
		load(typeOf(ir.Int), within, ir.Load{Offset: 2, Size: 2}))
	sum = op(ir.OpAdd, ir.Int, sum, load(typeOf(ir.Int), object, ir.Load{Offset: 48, Size: 8}))
	everywhere(t, sum)
	everywhere(t, op(ir.OpConvert, ir.Uint, within))
	same := op(ir.OpEq, ir.Bool, load(typeOf(ir.IP), object, ir.Load{Offset: 20, Size: 16}), load(typeOf(ir.IP), object, ir.Load{Offset: 4, Size: 4}))
	everywhere(t, same)
}

func TestWides(t *testing.T) {
	testkit.RequireRoot(t)
	four := load(typeOf(ir.IP), object, ir.Load{Offset: 4, Size: 4})
	six := load(typeOf(ir.IP), object, ir.Load{Offset: 24, Size: 16})
	planted := content()
	own := netip.AddrFrom4([4]byte(planted[4:8])).As16()
	isOwn := &ir.Expr{Op: ir.OpConst, Type: typeOf(ir.IP), Wide: own[:]}
	name := load(text(16), object, ir.Load{Offset: 100, Size: 16})
	for _, e := range []*ir.Expr{
		four, six, load(typeOf(ir.MAC), object, ir.Load{Offset: 7, Size: 6}), name,
		load(ir.Type{Kind: ir.Bytes, Size: 20}, object, ir.Load{Offset: 33, Size: 20}),
		load(text(32), object, ir.Load{Offset: 128, Size: 32}), load(text(5), object, ir.Load{Offset: 128, Size: 5}),
		op(ir.OpEq, ir.Bool, four, isOwn), op(ir.OpNe, ir.Bool, four, isOwn), op(ir.OpEq, ir.Bool, four, six),
		op(ir.OpEq, ir.Bool, name, wideConst(text(8), "eth0")), op(ir.OpNe, ir.Bool, wideConst(text(24), "eth1"), name),
		op(ir.OpLength, ir.Int, name), op(ir.OpLength, ir.Int, load(text(32), object, ir.Load{Offset: 128, Size: 32})),
		op(ir.OpLength, ir.Int, load(text(5), object, ir.Load{Offset: 128, Size: 5})),
		{Op: ir.OpPrefix, Type: typeOf(ir.Bool), Args: []*ir.Expr{name}, Wide: []byte("eth")},
		{Op: ir.OpPrefix, Type: typeOf(ir.Bool), Args: []*ir.Expr{name}, Wide: []byte("eth0x")},
		{Op: ir.OpPrefix, Type: typeOf(ir.Bool), Args: []*ir.Expr{name}, Wide: []byte("more than the text has room for")},
		{Op: ir.OpWithin, Type: typeOf(ir.Bool), Args: []*ir.Expr{four}, Wide: own[:], Const: 117},
		{Op: ir.OpWithin, Type: typeOf(ir.Bool), Args: []*ir.Expr{six}, Wide: planted[24:40], Const: 67},
		{Op: ir.OpOneOf, Type: typeOf(ir.Bool), Args: []*ir.Expr{four}, Set: [][]byte{own[:]}},
		{Op: ir.OpOneOf, Type: typeOf(ir.Bool), Args: []*ir.Expr{argument(ir.Uint, 0)}, Set: [][]byte{{8, 0, 0, 0, 0, 0, 0, 0}}},
		{Op: ir.OpOneOf, Type: typeOf(ir.Bool), Args: []*ir.Expr{argument(ir.Uint, 0)}},
		{Op: ir.OpString, Type: text(16), Args: []*ir.Expr{op(ir.OpConvert, ir.Uint, object)}},
		{Op: ir.OpCond, Type: typeOf(ir.IP), Args: []*ir.Expr{op(ir.OpEq, ir.Bool, four, isOwn), six, isOwn}},
		{Op: ir.OpCond, Type: text(32), Args: []*ir.Expr{op(ir.OpEq, ir.Bool, four, isOwn), name, wideConst(text(32), "x")}},
		{Op: ir.OpTry, Type: text(32), Args: []*ir.Expr{load(text(32), object, ir.Load{Offset: 128, Size: 32}), wideConst(text(32), "none")}},
		{Op: ir.OpGuard, Type: text(16), Args: []*ir.Expr{op(ir.OpEq, ir.Bool, four, isOwn), name}},
	} {
		everywhere(t, e)
	}
}

// casting is modern, with the numbers that bpf_rdonly_cast takes.
func casting(t *testing.T) gen.Features {
	t.Helper()
	kernel, err := btf.LoadKernelSpec()
	require.NoError(t, err)
	var cast *btf.Func
	require.NoError(t, kernel.TypeByName("bpf_rdonly_cast", &cast))
	id, err := kernel.TypeID(cast)
	require.NoError(t, err)
	features := modern
	features.ReadOnlyCast = uint32(id)
	features.TypeNumber = func(name string) (uint32, bool) {
		var found *btf.Struct
		if kernel.TypeByName(name, &found) != nil {
			return 0, false
		}
		id, err := kernel.TypeID(found)
		return uint32(id), err == nil
	}
	return features
}

// TestDirect reads a planted socket through a pointer that the verifier knows.
func TestDirect(t *testing.T) {
	testkit.RequireRoot(t)
	features := casting(t)
	direct := func(structure string) ir.Type { return ir.Type{Kind: ir.Pointer, Struct: structure, Direct: true} }
	sk := &ir.Expr{Op: ir.OpContext, Type: direct("sock_common"), Load: ir.Load{Size: 8}}
	planted := content()
	for _, e := range []*ir.Expr{
		load(typeOf(ir.Int), sk, ir.Load{Offset: socketDport, Size: 2, BigEndian: true}),
		load(typeOf(ir.IP), sk, ir.Load{Offset: socketDaddr, Size: 4}),
		op(ir.OpEq, ir.Bool, load(typeOf(ir.Int), sk, ir.Load{Offset: socketFamily, Size: 2, Signed: true}), number(ir.Int, 2)),
		load(typeOf(ir.Int), &ir.Expr{Op: ir.OpCast, Type: direct("tcp_sock"), Args: []*ir.Expr{sk}}, ir.Load{Offset: socketNum, Size: 2}),
	} {
		for _, at := range []uint64{0, 8} {
			both(t, e, planted, func(base uint64) []uint64 { return []uint64{base + at} }, features)
		}
		both(t, e, planted, func(uint64) []uint64 { return []uint64{0} }, features)
	}
}

// TestCastByNumber takes a socket for what begins with one, in a hook.
func TestCastByNumber(t *testing.T) {
	testkit.RequireRoot(t)
	hook, sk, state := stateHook(ir.BTFTracepoint)
	inet := &ir.Expr{Op: ir.OpCast, Type: directTo("inet_sock"), Args: []*ir.Expr{sk, op(ir.OpEq, ir.Bool, state, number(ir.Int, 1))}}
	probe := simple(hook, load(typeOf(ir.Int), inet, ir.Load{Offset: place(t, "inet_sock", "inet_sport"), Size: 2, BigEndian: true}))
	r := load1(t, probe, casting(t))
	r.attach(t, probe)
	port := connections(t, 2)
	counts := map[uint64]uint64{}
	for _, row := range r.rows(t) {
		counts[row.Keys[0].Number] = row.Measures[0].Number
	}
	require.EqualValues(t, 2, counts[uint64(port)], "the server's end of each connection")
}
