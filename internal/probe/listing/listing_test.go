// SPDX-License-Identifier: Apache-2.0

package listing

import (
	"testing"

	"github.com/cilium/ebpf/asm"
	"github.com/stretchr/testify/require"
)

func TestList(t *testing.T) {
	add := asm.FetchAdd.Mem(asm.R1, asm.R2, asm.DWord, 8)
	add.Constant = 1
	exchange := asm.CmpXchg.Mem(asm.R1, asm.R2, asm.DWord, 0)
	exchange.Constant = 0xf1
	plain := asm.AddAtomic.Mem(asm.R1, asm.R2, asm.Word, 0)
	toMap := asm.LoadMapPtr(asm.R1, 0)
	for _, c := range []struct {
		want string
		ins  asm.Instruction
	}{
		{"r1 = *(u32 *)(r6 + 16)", asm.LoadMem(asm.R1, asm.R6, 16, asm.Word)},
		{"*(u64 *)(r10 - 8) = r1", asm.StoreMem(asm.R10, -8, asm.R1, asm.DWord)},
		{"*(u32 *)(r10 - 8) = 7", asm.StoreImm(asm.R10, -8, 7, asm.Word)},
		{"r2 = fetch(lock *(u64 *)(r1 + 8) += r2)", add},
		{"r0 = cmpxchg(*(u64 *)(r1 + 0), r0, r2)", exchange},
		{"lock *(u32 *)(r1 + 0) += r2", plain},
		{"r1 = 0xffffffffffffffff", asm.LoadImm(asm.R1, -1, asm.DWord)},
		{"r1 = map rows", toMap.WithReference("rows")},
		{"r1 += r2", asm.Add.Reg(asm.R1, asm.R2)},
		{"w1 = 5", asm.Mov.Imm32(asm.R1, 5)},
		{"r1 = (s32)r2", asm.MovSX32.Reg(asm.R1, asm.R2)},
		{"r1 s>>= 3", asm.ArSh.Imm(asm.R1, 3)},
		{"r1 = be16 r1", asm.HostTo(asm.BE, asm.R1, asm.Half)},
		{"if r1 == 5 goto 11", asm.Instruction{OpCode: asm.JEq.Op(asm.ImmSource), Dst: asm.R1, Constant: 5, Offset: 10}},
		{"if w1 s> w2 goto 1", asm.Instruction{OpCode: asm.OpCode(asm.Jump32Class).SetJumpOp(asm.JSGT).SetSource(asm.RegSource), Dst: asm.R1, Src: asm.R2}},
		{"goto 3", asm.Instruction{OpCode: asm.Ja.Op(asm.ImmSource), Offset: 2}},
		{"call map_lookup_elem", asm.FnMapLookupElem.Call()},
		{"exit", asm.Return()},
	} {
		require.Equal(t, []Instruction{{Slot: 0, Text: c.want}}, List(asm.Instructions{c.ins}))
	}
	two := List(asm.Instructions{asm.LoadImm(asm.R1, 5, asm.DWord), asm.Return()})
	require.Equal(t, 2, two[1].Slot)
}
