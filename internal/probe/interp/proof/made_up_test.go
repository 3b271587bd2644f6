// SPDX-License-Identifier: Apache-2.0

package proof_test

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"github.com/cilium/ebpf/btf"
	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/probe/interp"
	"github.com/aeolus-ebpf/aeolus/internal/probe/interp/arbitrary"
	"github.com/aeolus-ebpf/aeolus/internal/probe/types"
)

// The made-up kernel has one tracepoint, proof(sk, n, u, yes), and one struct, which has a name that probes may read.
const (
	madeUpHook = "proof"
	madeUpSize = 72
	offsetName = 32
	offsetNext = 48
)

// madeUpKernel is a kernel's types as a test needs them.
func madeUpKernel(t testing.TB) *types.Kernel {
	t.Helper()
	integer := func(name string, size uint32, encoding btf.IntEncoding) *btf.Int {
		return &btf.Int{Name: name, Size: size, Encoding: encoding}
	}
	signed, unsigned := integer("int", 4, btf.Signed), integer("unsigned int", 4, 0)
	long, ulong := integer("long", 8, btf.Signed), integer("unsigned long", 8, 0)
	short, char := integer("short", 2, btf.Signed), integer("char", 1, btf.Signed)
	ushort, byte8, boolean := integer("unsigned short", 2, 0), integer("unsigned char", 1, 0), integer("_Bool", 1, btf.Bool)
	port := &btf.Typedef{Name: "__be16", Type: ushort}
	sock := &btf.Struct{Name: "tcp_sock", Size: madeUpSize}
	pointer := &btf.Pointer{Target: sock}
	sock.Members = []btf.Member{
		{Name: "i", Type: signed, Offset: 0},
		{Name: "w", Type: unsigned, Offset: 4 * 8},
		{Name: "l", Type: long, Offset: 8 * 8},
		{Name: "q", Type: ulong, Offset: 16 * 8},
		{Name: "h", Type: short, Offset: 24 * 8},
		{Name: "b", Type: byte8, Offset: 26 * 8},
		{Name: "g", Type: boolean, Offset: 27 * 8},
		{Name: "p", Type: port, Offset: 28 * 8},
		{Name: "name", Type: &btf.Array{Index: unsigned, Type: char, Nelems: 16}, Offset: offsetName * 8},
		{Name: "next", Type: pointer, Offset: offsetNext * 8},
		{Name: "k", Type: unsigned, Offset: 56 * 8, BitfieldSize: 5},
		{Name: "s", Type: signed, Offset: 56*8 + 5, BitfieldSize: 7},
		{Name: "f", Type: unsigned, Offset: 56*8 + 12, BitfieldSize: 1},
		{Name: "z", Type: ulong, Offset: 64 * 8},
	}
	function := &btf.Func{Name: "__traceiter_" + madeUpHook, Type: &btf.FuncProto{Return: signed, Params: []btf.FuncParam{
		{Name: "__data", Type: &btf.Pointer{Target: &btf.Void{}}},
		{Name: "sk", Type: pointer}, {Name: "n", Type: signed}, {Name: "u", Type: ulong}, {Name: "yes", Type: boolean},
	}}}
	builder, err := btf.NewBuilder([]btf.Type{function}, nil)
	require.NoError(t, err)
	blob, err := builder.Marshal(nil, nil)
	require.NoError(t, err)
	kernel, err := types.Open(bytes.NewReader(blob))
	require.NoError(t, err)
	return kernel
}

// seed is printed with what differs; SEED draws the same again, or others.
func seed(t testing.TB) uint64 {
	t.Helper()
	text := os.Getenv("SEED")
	if text == "" {
		return 1
	}
	n, err := strconv.ParseUint(text, 10, 64)
	require.NoError(t, err)
	return n
}

// socks is planted memory of the made-up struct, and the same as cel-go wants it.
type socks struct {
	memory *interp.Segments
	region arbitrary.Region
}

func newSocks(random *rand.Rand) *socks {
	s := &socks{memory: &interp.Segments{}, region: arbitrary.Region{Address: 0xffff888000000000, Bytes: make([]byte, 32*madeUpSize)}}
	for at := 0; at < len(s.region.Bytes); at += madeUpSize {
		sock := s.region.Bytes[at : at+madeUpSize]
		for word := 0; word < madeUpSize; word += 8 {
			binary.LittleEndian.PutUint64(sock[word:], arbitrary.Number(random))
		}
		sock[27] &= 1
		clear(sock[offsetName : offsetName+16])
		copy(sock[offsetName:offsetName+16], words[random.IntN(len(words))])
		next := uint64(0)
		if random.IntN(5) > 0 {
			next = s.pick(random)
		}
		binary.LittleEndian.PutUint64(sock[offsetNext:], next)
	}
	s.memory.Put(s.region.Address, s.region.Bytes)
	return s
}

var words = []string{"", "a", "ab", "abc", "aeolus", "aeolus-agent", "nginx", "sixteen bytes 16", "x"}

func (s *socks) pick(random *rand.Rand) uint64 {
	return s.region.Address + uint64(random.IntN(len(s.region.Bytes)/madeUpSize)*madeUpSize)
}

// value is a struct as a map of what each member means; pointers are followed so far.
func (s *socks) value(address uint64, depth int) any {
	if address == 0 {
		return nil
	}
	at := address - s.region.Address
	sock := s.region.Bytes[at : at+madeUpSize]
	word := binary.LittleEndian.Uint64
	bits := binary.LittleEndian.Uint32(sock[56:])
	out := map[string]any{
		"i": int64(int32(binary.LittleEndian.Uint32(sock))), "w": int64(binary.LittleEndian.Uint32(sock[4:])),
		"l": int64(word(sock[8:])), "q": word(sock[16:]), "h": int64(int16(binary.LittleEndian.Uint16(sock[24:]))),
		"b": int64(sock[26]), "g": sock[27] != 0, "p": int64(binary.BigEndian.Uint16(sock[28:])),
		"name": string(bytes.TrimRight(sock[offsetName:offsetName+16], "\x00")), "z": word(sock[64:]),
		"k": int64(bits & 31), "s": int64(int32(bits<<20) >> 25), "f": bits>>12&1 == 1,
	}
	if depth > 0 {
		out["next"] = s.value(word(sock[offsetNext:]), depth-1)
	}
	return out
}
