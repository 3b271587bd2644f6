// SPDX-License-Identifier: Apache-2.0

package feature

import (
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/link"
)

// fineTrials are what generated programs use where it is there. Without, they are slower, and do the same.
var fineTrials = []trial{
	{name: SignedOperations, group: Language, probe: probeSignedOperations},
	{name: SocketCast, group: Language, probe: probeSocketCast},
	{name: TypedTask, group: Language, probe: probeTypedTask},
	{name: ReadOnlyCast, group: Language, probe: probeReadOnlyCast},
	{name: SocketIterator, group: Hook, probe: probeSocketIterator},
}

// probeSignedOperations runs the signed division of the fourth instruction set (commit ec0e2da95f72): -7 / 2 is -3, and
// 2147483644 where the sign is not minded.
func probeSignedOperations(b *bench) (string, error) {
	program, err := b.load(&ebpf.ProgramSpec{Type: ebpf.SocketFilter, Instructions: asm.Instructions{
		asm.Mov.Imm(asm.R0, -7),
		asm.Mov.Imm(asm.R1, 2),
		asm.SDiv.Reg(asm.R0, asm.R1),
		asm.Add.Imm(asm.R0, 4),
		asm.Return(),
	}})
	if err != nil {
		return "", err
	}
	defer program.Close()
	got, err := program.Run(&ebpf.RunOptions{Data: make([]byte, 64)})
	if err != nil {
		return "", fmt.Errorf("running: %w", err)
	}
	if got != 1 {
		return "", fmt.Errorf("%w: it gave %d instead of 1", errWrongResult, int32(got))
	}
	return "", nil
}

// probeSocketCast casts the socket of the tracepoint.
func probeSocketCast(b *bench) (string, error) {
	spec := typedTracepoint()
	spec.Instructions = asm.Instructions{
		asm.LoadMem(asm.R1, asm.R1, 0, asm.DWord),
		asm.FnSkcToTcpSock.Call(),
		asm.Mov.Imm(asm.R0, 0),
		asm.Return(),
	}
	return "", b.loadOnly(spec)
}

// probeTypedTask reads through the running task, which only a typed pointer allows.
func probeTypedTask(b *bench) (string, error) {
	spec := typedTracepoint()
	spec.Instructions = asm.Instructions{
		asm.FnGetCurrentTaskBtf.Call(),
		asm.LoadMem(asm.R1, asm.R0, 0, asm.DWord),
		asm.Mov.Imm(asm.R0, 0),
		asm.Return(),
	}
	return "", b.loadOnly(spec)
}

// probeReadOnlyCast makes a number a pointer to a task and reads through it. The program is not run.
func probeReadOnlyCast(b *bench) (string, error) {
	types, err := b.types.Kernel()
	if err != nil {
		return "", fmt.Errorf("reading the kernel's types: %w", err)
	}
	var cast *btf.Func
	if err := types.TypeByName("bpf_rdonly_cast", &cast); err != nil {
		return "", fmt.Errorf("finding bpf_rdonly_cast: %w", err)
	}
	function, err := types.TypeID(cast)
	if err != nil {
		return "", fmt.Errorf("finding bpf_rdonly_cast: %w", err)
	}
	var task *btf.Struct
	if err := types.TypeByName("task_struct", &task); err != nil {
		return "", fmt.Errorf("finding task_struct: %w", err)
	}
	structure, err := types.TypeID(task)
	if err != nil {
		return "", fmt.Errorf("finding task_struct: %w", err)
	}
	spec := typedTracepoint()
	spec.Instructions = asm.Instructions{
		asm.LoadMem(asm.R1, asm.R1, 8, asm.DWord),
		asm.Mov.Imm(asm.R2, int32(structure)),
		asm.Instruction{OpCode: asm.OpCode(asm.JumpClass).SetJumpOp(asm.Call), Src: asm.PseudoKfuncCall, Constant: int64(function)},
		asm.LoadMem(asm.R1, asm.R0, 0, asm.DWord),
		asm.Mov.Imm(asm.R0, 0),
		asm.Return(),
	}
	return "", b.loadOnly(spec)
}

// probeSocketIterator opens a walk over the TCP sockets of its own namespace without reading it.
func probeSocketIterator(b *bench) (string, error) {
	return "", b.loadAndAttach(iterator("tcp", answer(0)), func(program *ebpf.Program) (attachment, error) {
		return walk(link.IterOptions{Program: program}, false)
	})
}
