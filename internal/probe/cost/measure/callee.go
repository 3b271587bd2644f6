// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"debug/elf"
	"encoding/binary"
	"fmt"
	"os"
	"runtime"
)

// A callee is a program of its own, so that its probes are met by nobody else: it reads a number of 8 bytes, calls a function
// so many times, and ends. The function does what the first instructions of most functions do.
const (
	calleeAddress = 0x400000
	elfHeader     = 64
	programHeader = 56
)

// calleeText are its instructions, and at which of their bytes the function is.
func calleeText() (text []byte, function int, machine elf.Machine, ok bool) {
	if runtime.GOARCH != "amd64" {
		return nil, 0, 0, false
	}
	text = []byte{
		0x48, 0x83, 0xec, 0x08, // sub $8, %rsp
		0x31, 0xc0, // xor %eax, %eax: read
		0x31, 0xff, // xor %edi, %edi: standard input
		0x48, 0x89, 0xe6, // mov %rsp, %rsi
		0xba, 0x08, 0, 0, 0, // mov $8, %edx
		0x0f, 0x05, // syscall
		0x48, 0x8b, 0x1c, 0x24, // mov (%rsp), %rbx
		0xe8, 0x0e, 0, 0, 0, // again: call function
		0x48, 0xff, 0xcb, // dec %rbx
		0x75, 0xf6, // jnz again
		0xb8, 60, 0, 0, 0, // mov $60, %eax: exit
		0x31, 0xff, // xor %edi, %edi
		0x0f, 0x05, // syscall
		0x55, // function: push %rbp
		0x5d, // pop %rbp
		0xc3, // ret
	}
	return text, len(text) - 3, elf.EM_X86_64, true
}

// WriteCallee writes the program that Call runs.
func WriteCallee(path string) error {
	text, _, machine, ok := calleeText()
	if !ok {
		return fmt.Errorf("writing a program whose function is called: none is known for %s: %w", runtime.GOARCH, ErrUnsupported)
	}
	const start = elfHeader + programHeader
	header := elf.Header64{
		Ident: [elf.EI_NIDENT]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)},
		Type:  uint16(elf.ET_EXEC), Machine: uint16(machine), Version: uint32(elf.EV_CURRENT),
		Entry: calleeAddress + start, Phoff: elfHeader, Ehsize: elfHeader, Phentsize: programHeader, Phnum: 1,
	}
	segment := elf.Prog64{
		Type: uint32(elf.PT_LOAD), Flags: uint32(elf.PF_R | elf.PF_X), Vaddr: calleeAddress, Paddr: calleeAddress,
		Filesz: uint64(start + len(text)), Memsz: uint64(start + len(text)), Align: 4096,
	}
	var file []byte
	for _, part := range []any{header, segment, text} {
		var err error
		if file, err = binary.Append(file, binary.LittleEndian, part); err != nil {
			return fmt.Errorf("writing a program whose function is called: %w", err)
		}
	}
	if err := os.WriteFile(path, file, 0o700); err != nil {
		return fmt.Errorf("writing a program whose function is called: %w", err)
	}
	return nil
}

// calleeOffset is where the function is in the program's file.
func calleeOffset() uint64 {
	_, function, _, _ := calleeText()
	return uint64(elfHeader + programHeader + function)
}
