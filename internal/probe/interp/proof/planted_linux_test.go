// SPDX-License-Identifier: Apache-2.0

package proof_test

import (
	"encoding/binary"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/probe/interp"
	"github.com/aeolus-ebpf/aeolus/internal/probe/interp/arbitrary"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

// planted is kernel memory that a test fills: the value of an array that is mapped, so that it begins and ends with a page.
// Behind it lies a page that cannot be read.
type planted struct {
	region arbitrary.Region
	mapped *ebpf.Memory
	memory *interp.Segments
}

func plant(t testing.TB, size int) *planted {
	t.Helper()
	testkit.RequireRoot(t)
	array, err := ebpf.NewMap(&ebpf.MapSpec{
		Name: "planted", Type: ebpf.Array, KeySize: 4, ValueSize: uint32(size), MaxEntries: 1, Flags: 1 << 10,
	})
	require.NoError(t, err)
	t.Cleanup(func() { _ = array.Close() })
	mapped, err := array.Memory()
	require.NoError(t, err)
	p := &planted{mapped: mapped, memory: &interp.Segments{}}
	p.region = arbitrary.Region{Address: addressOf(t, array), Bytes: make([]byte, size)}
	require.Equal(t, uint64(0xffff), p.region.Address>>48)
	p.memory.Put(p.region.Address, p.region.Bytes)
	return p
}

// addressOf runs a program that writes down where the value lies.
func addressOf(t testing.TB, array *ebpf.Map) uint64 {
	t.Helper()
	program, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Type: ebpf.RawTracepoint, License: "GPL",
		Instructions: asm.Instructions{
			asm.LoadMapValue(asm.R1, array.FD(), 0),
			asm.StoreMem(asm.R1, 0, asm.R1, asm.DWord),
			asm.Mov.Imm(asm.R0, 0),
			asm.Return(),
		},
	})
	require.NoError(t, err)
	defer func() { _ = program.Close() }()
	_, err = program.Run(&ebpf.RunOptions{})
	require.NoError(t, err)
	value := []byte{}
	require.NoError(t, array.Lookup(uint32(0), &value))
	return binary.LittleEndian.Uint64(value)
}

// put lays the region's bytes into the kernel.
func (p *planted) put(t testing.TB) {
	t.Helper()
	_, err := p.mapped.WriteAt(p.region.Bytes, 0)
	require.NoError(t, err)
}

// TestPlanted holds what the proofs build on: a program reads what was planted, and behind it nothing.
func TestPlanted(t *testing.T) {
	p := plant(t, 4096)
	p.region.Bytes[4095] = 0x5a
	p.put(t)
	program, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Type: ebpf.RawTracepoint, License: "GPL",
		Instructions: asm.Instructions{
			asm.LoadMem(asm.R3, asm.R1, 0, asm.DWord),
			asm.Mov.Imm(asm.R2, 1),
			asm.Mov.Reg(asm.R1, asm.RFP),
			asm.Add.Imm(asm.R1, -8),
			asm.FnProbeReadKernel.Call(),
			asm.JSLT.Imm(asm.R0, 0, "out"),
			asm.LoadMem(asm.R0, asm.RFP, -8, asm.Byte),
			asm.Return().WithSymbol("out"),
		},
	})
	require.NoError(t, err)
	t.Cleanup(func() { _ = program.Close() })
	read := func(address uint64) int32 {
		result, err := program.Run(&ebpf.RunOptions{Context: []uint64{address}})
		require.NoError(t, err)
		return int32(result)
	}
	require.Equal(t, int32(0x5a), read(p.region.Address+4095))
	require.Negative(t, read(p.region.Address+4096))
	for _, address := range []uint64{0, 0x10, 0xdead000000000100, 0x7fff_ffff_f000} {
		require.Negative(t, read(address))
	}
}
