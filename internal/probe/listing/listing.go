// SPDX-License-Identifier: Apache-2.0

// Package listing writes eBPF instructions the way the kernel's own tools do, so that what a probe becomes can be read.
package listing

import (
	"fmt"
	"strings"

	"github.com/cilium/ebpf/asm"
)

// Instruction is one instruction in words.
type Instruction struct {
	// Slot counts 8 bytes each; jumps go to slots.
	Slot int    `json:"slot"`
	Text string `json:"text"`
}

// List writes the instructions of one program.
func List(instructions asm.Instructions) []Instruction {
	var list []Instruction
	slot := 0
	for i := range instructions {
		ins := &instructions[i]
		list = append(list, Instruction{Slot: slot, Text: text(ins, slot)})
		slot++
		if ins.OpCode.IsDWordLoad() {
			slot++
		}
	}
	return list
}

func text(ins *asm.Instruction, slot int) string {
	switch class := ins.OpCode.Class(); class {
	case asm.LdXClass:
		return fmt.Sprintf("%s = %s", register(ins.Dst, false), memory(ins, ins.Src))
	case asm.StClass:
		return fmt.Sprintf("%s = %d", memory(ins, ins.Dst), ins.Constant)
	case asm.StXClass:
		if ins.OpCode.Mode() == asm.AtomicMode {
			return atomic(ins)
		}
		return fmt.Sprintf("%s = %s", memory(ins, ins.Dst), register(ins.Src, false))
	case asm.LdClass:
		return wide(ins)
	case asm.ALUClass, asm.ALU64Class:
		return arithmetic(ins, class == asm.ALUClass)
	case asm.JumpClass, asm.Jump32Class:
		return jump(ins, slot, class == asm.Jump32Class)
	}
	return fmt.Sprint(ins)
}

var sizes = map[asm.Size]string{asm.Byte: "8", asm.Half: "16", asm.Word: "32", asm.DWord: "64"}

// memory is a place in memory.
func memory(ins *asm.Instruction, base asm.Register) string {
	sign := "u"
	if ins.OpCode.Mode() == asm.MemSXMode {
		sign = "s"
	}
	return fmt.Sprintf("*(%s%s *)(%s %s)", sign, sizes[ins.OpCode.Size()], register(base, false), offset(int64(ins.Offset)))
}

func offset(n int64) string {
	if n < 0 {
		return fmt.Sprintf("- %d", -n)
	}
	return fmt.Sprintf("+ %d", n)
}

// atomic operations are told apart by what stands in the immediate, as the kernel has them.
func atomic(ins *asm.Instruction) string {
	at, src := memory(ins, ins.Dst), register(ins.Src, false)
	const fetch = 1
	switch op := ins.Constant; {
	case op == 0xe0|fetch:
		return fmt.Sprintf("%s = xchg(%s, %s)", src, at, src)
	case op == 0xf0|fetch:
		return fmt.Sprintf("r0 = cmpxchg(%s, r0, %s)", at, src)
	default:
		sign := map[int64]string{0x00: "+=", 0x40: "|=", 0x50: "&=", 0xa0: "^="}[op&^fetch]
		if sign == "" {
			sign = fmt.Sprintf("atomic %#x", op)
		}
		change := fmt.Sprintf("lock %s %s %s", at, sign, src)
		if op&fetch != 0 {
			return fmt.Sprintf("%s = fetch(%s)", src, change)
		}
		return change
	}
}

// wide is a 64-bit number, a map, or the value in a map of one.
func wide(ins *asm.Instruction) string {
	name, dst := ins.Reference(), register(ins.Dst, false)
	switch {
	case name == "":
		return fmt.Sprintf("%s = %#x", dst, uint64(ins.Constant))
	case ins.Src == asm.PseudoMapValue:
		return fmt.Sprintf("%s = &%s[%d]", dst, name, ins.Constant>>32)
	}
	return fmt.Sprintf("%s = map %s", dst, name)
}

var arithmetics = map[asm.ALUOp]string{
	asm.Add: "+=", asm.Sub: "-=", asm.Mul: "*=", asm.Div: "/=", asm.SDiv: "s/=", asm.Or: "|=", asm.And: "&=", asm.LSh: "<<=", asm.RSh: ">>=",
	asm.Mod: "%=", asm.SMod: "s%=", asm.Xor: "^=", asm.Mov: "=", asm.ArSh: "s>>=",
}

func arithmetic(ins *asm.Instruction, short bool) string {
	dst, src := register(ins.Dst, short), register(ins.Src, short)
	op := ins.OpCode.ALUOp()
	switch op {
	case asm.Neg:
		return fmt.Sprintf("%s = -%s", dst, dst)
	case asm.Swap:
		order := "bswap"
		if short {
			order = map[asm.Endianness]string{asm.LE: "le", asm.BE: "be"}[ins.OpCode.Endianness()]
		}
		return fmt.Sprintf("%s = %s%d %s", register(ins.Dst, false), order, ins.Constant, register(ins.Dst, false))
	case asm.MovSX8, asm.MovSX16, asm.MovSX32:
		bits := map[asm.ALUOp]int{asm.MovSX8: 8, asm.MovSX16: 16, asm.MovSX32: 32}[op]
		return fmt.Sprintf("%s = (s%d)%s", dst, bits, src)
	}
	if ins.OpCode.Source() == asm.RegSource {
		return fmt.Sprintf("%s %s %s", dst, arithmetics[op], src)
	}
	return fmt.Sprintf("%s %s %d", dst, arithmetics[op], ins.Constant)
}

// register names a register; w is its lower half.
func register(r asm.Register, short bool) string {
	if short {
		return fmt.Sprintf("w%d", r)
	}
	return fmt.Sprintf("r%d", r)
}

var comparisons = map[asm.JumpOp]string{
	asm.JEq: "==", asm.JNE: "!=", asm.JGT: ">", asm.JGE: ">=", asm.JLT: "<", asm.JLE: "<=", asm.JSGT: "s>", asm.JSGE: "s>=", asm.JSLT: "s<", asm.JSLE: "s<=",
	asm.JSet: "&",
}

func jump(ins *asm.Instruction, slot int, short bool) string {
	to := slot + 1 + int(ins.Offset)
	switch op := ins.OpCode.JumpOp(); op {
	case asm.Exit:
		return "exit"
	case asm.Ja:
		return fmt.Sprintf("goto %d", to)
	case asm.Call:
		return call(ins)
	default:
		right := fmt.Sprint(ins.Constant)
		if ins.OpCode.Source() == asm.RegSource {
			right = register(ins.Src, short)
		}
		return fmt.Sprintf("if %s %s %s goto %d", register(ins.Dst, short), comparisons[op], right, to)
	}
}

func call(ins *asm.Instruction) string {
	switch {
	case ins.Reference() != "":
		return "call " + ins.Reference()
	case ins.IsBuiltinCall():
		return "call " + helper(asm.BuiltinFunc(ins.Constant).String())
	}
	return fmt.Sprintf("call %d", ins.Constant)
}

// helper is a helper's name as the kernel has it: FnMapLookupElem is map_lookup_elem.
func helper(name string) string {
	name = strings.TrimPrefix(name, "Fn")
	var text strings.Builder
	for i, r := range name {
		if r >= 'A' && r <= 'Z' {
			if i > 0 {
				text.WriteByte('_')
			}
			r += 'a' - 'A'
		}
		text.WriteRune(r)
	}
	return text.String()
}
