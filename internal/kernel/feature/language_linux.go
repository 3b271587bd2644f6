// SPDX-License-Identifier: Apache-2.0

package feature

import (
	"fmt"
	"io"
	"os"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/ringbuf"
)

// count is a program that adds one to the first element of an array and returns zero.
func count(array *ebpf.Map) asm.Instructions {
	return asm.Instructions{
		asm.StoreImm(asm.RFP, -4, 0, asm.Word),
		asm.LoadMapPtr(asm.R1, array.FD()),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, -4),
		asm.FnMapLookupElem.Call(),
		asm.JEq.Imm(asm.R0, 0, "out"),
		asm.Mov.Imm(asm.R1, 1),
		asm.StoreXAdd(asm.R0, asm.R1, asm.DWord),
		asm.Mov.Imm(asm.R0, 0).WithSymbol("out"),
		asm.Return(),
	}
}

func newSocketStorage() (*ebpf.Map, error) {
	number := &btf.Int{Name: "int", Size: 4, Encoding: btf.Signed}
	storage, err := ebpf.NewMap(&ebpf.MapSpec{
		Name: programName, Type: ebpf.SkStorage, KeySize: 4, ValueSize: 4, Flags: 1, // BPF_F_NO_PREALLOC
		Key: number, Value: number,
	})
	if err != nil {
		return nil, fmt.Errorf("creating socket storage: %w", err)
	}
	return storage, nil
}

// probeSocketStorage loads what a sensor does at a state change: create storage on the tracepoint's socket.
func probeSocketStorage(b *bench) (string, error) {
	storage, err := newSocketStorage()
	if err != nil {
		return "", err
	}
	defer storage.Close()
	spec := typedTracepoint()
	spec.Instructions = asm.Instructions{
		asm.LoadMem(asm.R2, asm.R1, 0, asm.DWord),
		asm.LoadMapPtr(asm.R1, storage.FD()),
		asm.Mov.Imm(asm.R3, 0),
		asm.Mov.Imm(asm.R4, 1), // BPF_SK_STORAGE_GET_F_CREATE
		asm.FnSkStorageGet.Call(),
		asm.Mov.Imm(asm.R0, 0),
		asm.Return(),
	}
	return "", b.loadOnly(spec)
}

func probeSocketCookie(b *bench) (string, error) {
	spec := typedTracepoint()
	spec.Instructions = asm.Instructions{
		asm.LoadMem(asm.R1, asm.R1, 0, asm.DWord),
		asm.FnGetSocketCookie.Call(),
		asm.Mov.Imm(asm.R0, 0),
		asm.Return(),
	}
	return "", b.loadOnly(spec)
}

// probeAtomics uses the three that came together in 5.12 (commits 5ca419f2864a and 5ffa25502b5a), and runs them: a kernel
// that took the instruction for the plain addition, which shares its code, would accept the program as well.
func probeAtomics(b *bench) (string, error) {
	program, err := b.load(&ebpf.ProgramSpec{Type: ebpf.SocketFilter, Instructions: asm.Instructions{
		asm.Mov.Imm(asm.R1, 3),
		asm.StoreMem(asm.RFP, -8, asm.R1, asm.DWord),
		atomic(asm.FetchAdd), // memory 6, R1 3
		atomic(asm.Xchg),     // memory 3, R1 6
		asm.Mov.Imm(asm.R0, 3),
		atomic(asm.CmpXchg), // memory 6, R0 3
		asm.LoadMem(asm.R1, asm.RFP, -8, asm.DWord),
		asm.LSh.Imm(asm.R1, 8),
		asm.Or.Reg(asm.R0, asm.R1),
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
	if want := uint32(6<<8 | 3); got != want {
		return "", fmt.Errorf("%w: they gave %#x instead of %#x", errWrongResult, got, want)
	}
	return "", nil
}

// atomic applies an operation to the first word of the stack and R1. The library (v0.22) writes the immediate of what its
// own constructor leaves empty, which turns every operation into an addition without fetching; so it is filled in here.
func atomic(operation asm.AtomicOp) asm.Instruction {
	instruction := operation.Mem(asm.RFP, asm.R1, asm.DWord, -8)
	instruction.Constant = int64(operation >> 8)
	return instruction
}

func probeRingBuffer(*bench) (string, error) {
	ring, err := ebpf.NewMap(&ebpf.MapSpec{
		Name: programName, Type: ebpf.RingBuf, MaxEntries: uint32(os.Getpagesize()),
	})
	if err != nil {
		return "", fmt.Errorf("creating a ring: %w", err)
	}
	defer ring.Close()
	reader, err := ringbuf.NewReader(ring)
	if err != nil {
		return "", fmt.Errorf("mapping a ring: %w", err)
	}
	return "", reader.Close()
}

// probeLockableMemory creates a map of the size of a sensor's larger ones.
func probeLockableMemory(b *bench) (string, error) {
	const size = 8 << 20
	large, err := ebpf.NewMap(&ebpf.MapSpec{Name: programName, Type: ebpf.RingBuf, MaxEntries: size})
	if err != nil {
		if b.memlock != nil {
			return "", fmt.Errorf("creating a map of 8 MiB (%w): %w", err, b.memlock)
		}
		return "", fmt.Errorf("creating a map of 8 MiB: %w", err)
	}
	return "", large.Close()
}

// probeSocketStorageWalk also reads the walk to its end; the map is new and empty.
func probeSocketStorageWalk(b *bench) (string, error) {
	storage, err := newSocketStorage()
	if err != nil {
		return "", err
	}
	defer storage.Close()
	return "", b.loadAndAttach(iterator("bpf_sk_storage_map", answer(0)),
		func(program *ebpf.Program) (attachment, error) {
			return walk(link.IterOptions{Program: program, Map: storage}, true)
		})
}

// probeTaskFileWalk opens the walk without reading it: it would visit every file of every process.
func probeTaskFileWalk(b *bench) (string, error) {
	return "", b.loadAndAttach(iterator("task_file", answer(0)), func(program *ebpf.Program) (attachment, error) {
		return walk(link.IterOptions{Program: program}, false)
	})
}

// probeSocketFromFile calls the helper on the file of struct bpf_iter__task_file, which lies behind three fields of
// eight bytes.
func probeSocketFromFile(b *bench) (string, error) {
	return "", b.loadOnly(iterator("task_file", asm.Instructions{
		asm.LoadMem(asm.R1, asm.R1, 24, asm.DWord),
		asm.JEq.Imm(asm.R1, 0, "out"),
		asm.FnSockFromFile.Call(),
		asm.Mov.Imm(asm.R0, 0).WithSymbol("out"),
		asm.Return(),
	}))
}

func iterator(target string, body asm.Instructions) *ebpf.ProgramSpec {
	return &ebpf.ProgramSpec{
		Type: ebpf.Tracing, AttachType: ebpf.AttachTraceIter, AttachTo: target, Instructions: body,
	}
}

func walk(options link.IterOptions, read bool) (attachment, error) {
	attached, err := link.AttachIter(options)
	if err != nil {
		return nil, err
	}
	reader, err := attached.Open()
	if err != nil {
		_ = attached.Close()
		return nil, err
	}
	defer reader.Close()
	if read {
		if _, err := io.Copy(io.Discard, reader); err != nil {
			_ = attached.Close()
			return nil, fmt.Errorf("walking: %w", err)
		}
	}
	return attached, nil
}
