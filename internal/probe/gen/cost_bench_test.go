// SPDX-License-Identifier: Apache-2.0

package gen_test

import (
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

// repeated is how often a measured piece stands between two looks at the clock.
const repeated = 64

// BenchmarkCosts measures what the table of predicted costs says: how long one instruction or helper takes in a row of many of
// them. The best of many runs counts, because the others were disturbed.
func BenchmarkCosts(b *testing.B) {
	testkit.RequireRoot(b)
	stack := func(dst asm.Register, off int32) asm.Instructions {
		return asm.Instructions{asm.Mov.Reg(dst, asm.RFP), asm.Add.Imm(dst, off)}
	}
	with := func(lists ...asm.Instructions) (out asm.Instructions) {
		for _, l := range lists {
			out = append(out, l...)
		}
		return out
	}
	one := func(list ...asm.Instruction) asm.Instructions { return list }
	table := func(name string) asm.Instructions { return one(asm.LoadMapPtr(asm.R1, 0).WithReference(name)) }
	read := func(helper asm.BuiltinFunc, size int32) asm.Instructions {
		return with(stack(asm.R1, -64), one(asm.Mov.Imm(asm.R2, size), asm.Mov.Reg(asm.R3, asm.R8), helper.Call()))
	}
	atomic := asm.AddAtomic.Mem(asm.R8, asm.R7, asm.DWord, 0)
	fetch := asm.FetchAdd.Mem(asm.R8, asm.R7, asm.DWord, 0)
	fetch.Constant = int64(asm.FetchAdd >> 8)
	reserve := with(table("ring"), one(asm.Mov.Imm(asm.R2, 64), asm.Mov.Imm(asm.R3, 0), asm.FnRingbufReserve.Call(),
		asm.Instruction{OpCode: asm.JEq.Op(asm.ImmSource), Dst: asm.R0, Offset: 3},
		asm.Mov.Reg(asm.R1, asm.R0), asm.Mov.Imm(asm.R2, 1), asm.FnRingbufDiscard.Call()))
	wake := with(table("ring"), one(asm.Mov.Imm(asm.R2, 8), asm.Mov.Imm(asm.R3, 0), asm.FnRingbufReserve.Call(),
		asm.Instruction{OpCode: asm.JEq.Op(asm.ImmSource), Dst: asm.R0, Offset: 4},
		asm.StoreMem(asm.R0, 0, asm.R7, asm.DWord), asm.Mov.Reg(asm.R1, asm.R0), asm.Mov.Imm(asm.R2, 2), asm.FnRingbufSubmit.Call()))
	for _, c := range []struct {
		name  string
		piece asm.Instructions
	}{
		{"add", one(asm.Add.Imm(asm.R7, 3))}, {"store", one(asm.StoreMem(asm.RFP, -8, asm.R7, asm.DWord))},
		{"load", one(asm.LoadMem(asm.R7, asm.R8, 0, asm.DWord))}, {"divide", one(asm.Div.Imm(asm.R7, 3))},
		{"atomic", one(atomic)}, {"fetching", one(fetch)},
		{"clock", one(asm.FnKtimeGetNs.Call())}, {"random", one(asm.FnGetPrandomU32.Call())}, {"pid", one(asm.FnGetCurrentPidTgid.Call())},
		{"cpu", one(asm.FnGetSmpProcessorId.Call())}, {"task", one(asm.FnGetCurrentTask.Call())}, {"cgroup", one(asm.FnGetCurrentCgroupId.Call())},
		{"comm", with(stack(asm.R1, -64), one(asm.Mov.Imm(asm.R2, 16), asm.FnGetCurrentComm.Call()))},
		{"read8", read(asm.FnProbeReadKernel, 8)}, {"read64", read(asm.FnProbeReadKernel, 64)}, {"string16", read(asm.FnProbeReadKernelStr, 16)},
		{"array", with(table("array"), stack(asm.R2, -16), one(asm.FnMapLookupElem.Call()))},
		{"per-cpu array", with(table("slots"), stack(asm.R2, -16), one(asm.FnMapLookupElem.Call()))},
		{"hash", with(table("hash"), stack(asm.R2, -16), one(asm.FnMapLookupElem.Call()))},
		{"per-cpu hash", with(table("rows"), stack(asm.R2, -16), one(asm.FnMapLookupElem.Call()))},
		{"update", with(table("hash"), stack(asm.R2, -16), stack(asm.R3, -16), one(asm.Mov.Imm(asm.R4, 0), asm.FnMapUpdateElem.Call()))},
		{"ring", reserve}, {"wake", wake},
		{"stack", one(asm.Mov.Reg(asm.R1, asm.R6), asm.LoadMapPtr(asm.R2, 0).WithReference("stacks"), asm.Mov.Imm(asm.R3, 0), asm.FnGetStackid.Call())},
	} {
		b.Run(c.name, func(b *testing.B) { measure(b, c.piece) })
	}
}

// measure times a piece in the kernel. R6 is the context, R7 a number, R8 an address that can be read; the stack is zero.
func measure(b *testing.B, piece asm.Instructions) {
	value := func(dst asm.Register) asm.Instruction {
		return asm.Instruction{OpCode: asm.LoadImmOp(asm.DWord), Dst: dst, Src: asm.PseudoMapValue}.WithReference("result")
	}
	program := asm.Instructions{asm.Mov.Reg(asm.R6, asm.R1), asm.Mov.Imm(asm.R7, 1), value(asm.R8)}
	for off := int16(-64); off < 0; off += 8 {
		program = append(program, asm.StoreMem(asm.RFP, off, asm.R7, asm.DWord))
	}
	program = append(program, asm.StoreImm(asm.RFP, -16, 0, asm.Word), asm.StoreImm(asm.RFP, -12, 0, asm.Word), asm.FnKtimeGetNs.Call(),
		asm.Mov.Reg(asm.R9, asm.R0))
	for range repeated {
		program = append(program, piece...)
	}
	program = append(program, asm.FnKtimeGetNs.Call(), asm.Sub.Reg(asm.R0, asm.R9), value(asm.R1),
		asm.StoreMem(asm.R1, 8, asm.R0, asm.DWord), asm.Mov.Imm(asm.R0, 0), asm.Return())
	spec := func(kind ebpf.MapType, key, size, entries uint32) *ebpf.MapSpec {
		return &ebpf.MapSpec{Type: kind, KeySize: key, ValueSize: size, MaxEntries: entries}
	}
	collection, err := ebpf.NewCollection(&ebpf.CollectionSpec{
		Maps: map[string]*ebpf.MapSpec{"result": spec(ebpf.Array, 4, 64, 1), "array": spec(ebpf.Array, 4, 8, 1), "slots": spec(ebpf.PerCPUArray, 4, 8, 1),
			"hash": spec(ebpf.Hash, 8, 8, 100), "rows": spec(ebpf.PerCPUHash, 8, 8, 100), "ring": spec(ebpf.RingBuf, 0, 0, 1<<22),
			"stacks": spec(ebpf.StackTrace, 4, 512, 16)},
		Programs: map[string]*ebpf.ProgramSpec{"measure": {Type: ebpf.RawTracepoint, License: "Dual BSD/GPL", Instructions: program}},
	})
	require.NoError(b, err)
	defer collection.Close()
	require.NoError(b, collection.Maps["hash"].Put(uint64(0), uint64(0)))
	cpus, err := ebpf.PossibleCPU()
	require.NoError(b, err)
	require.NoError(b, collection.Maps["rows"].Put(uint64(0), make([]uint64, cpus)))
	best := ^uint64(0)
	out := make([]uint64, 8)
	for range max(300, min(b.N, 2000)) {
		_, err := collection.Programs["measure"].Run(&ebpf.RunOptions{Context: make([]byte, 96)})
		require.NoError(b, err)
		require.NoError(b, collection.Maps["result"].Lookup(uint32(0), out))
		best = min(best, out[1])
	}
	b.ReportMetric(float64(best)/repeated, "ns/piece")
	b.ReportMetric(0, "ns/op")
}
