// SPDX-License-Identifier: Apache-2.0

package feature

import (
	"debug/elf"
	"errors"
	"fmt"
	"os"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// tracedFunction is attached to for a moment. It runs once per outgoing connection, so that nobody notices, and it is a
// function of the kernel itself on every build that has TCP.
const tracedFunction = "tcp_connect"

// tracedPoint is the tracepoint that the tcp sensor lives from.
const tracedPoint = "inet_sock_set_state"

// errNeverRan goes with no: everything was accepted, and nothing happened.
var errNeverRan = errors.New("attached, but the kernel never calls it")

func probeBTF(b *bench) (string, error) {
	if _, err := b.types.Kernel(); err != nil {
		return "", fmt.Errorf("reading the kernel's types: %w", err)
	}
	return "", nil
}

func attachTracing(program *ebpf.Program) (attachment, error) {
	return link.AttachTracing(link.TracingOptions{Program: program})
}

func probeTypedTracepoint(b *bench) (string, error) {
	return "", b.loadAndAttach(typedTracepoint(), attachTracing)
}

func typedTracepoint() *ebpf.ProgramSpec {
	return &ebpf.ProgramSpec{
		Type: ebpf.Tracing, AttachType: ebpf.AttachTraceRawTp, AttachTo: tracedPoint, Instructions: answer(0),
	}
}

func probeRawTracepoint(b *bench) (string, error) {
	return "", b.loadAndAttach(&ebpf.ProgramSpec{Type: ebpf.RawTracepoint, Instructions: answer(0)},
		func(program *ebpf.Program) (attachment, error) {
			return link.AttachRawTracepoint(link.RawTracepointOptions{Name: tracedPoint, Program: program})
		})
}

func probeTracepoint(b *bench) (string, error) {
	if _, err := tracefs(); err != nil {
		return "", err
	}
	return "", b.loadAndAttach(&ebpf.ProgramSpec{Type: ebpf.TracePoint, Instructions: answer(0)},
		func(program *ebpf.Program) (attachment, error) {
			return link.Tracepoint("sock", tracedPoint, program, nil)
		})
}

func probeFunctionEntry(b *bench) (string, error) {
	return "", b.loadAndAttach(&ebpf.ProgramSpec{
		Type: ebpf.Tracing, AttachType: ebpf.AttachTraceFEntry, AttachTo: tracedFunction, Instructions: answer(0),
	}, attachTracing)
}

func probeFunctionExit(b *bench) (string, error) {
	return "", b.loadAndAttach(&ebpf.ProgramSpec{
		Type: ebpf.Tracing, AttachType: ebpf.AttachTraceFExit, AttachTo: tracedFunction, Instructions: answer(0),
	}, attachTracing)
}

func probeKprobe(b *bench) (string, error) {
	return "", b.loadAndAttach(&ebpf.ProgramSpec{Type: ebpf.Kprobe, Instructions: answer(0)},
		func(program *ebpf.Program) (attachment, error) { return link.Kprobe(tracedFunction, program, nil) })
}

func probeKprobeMulti(b *bench) (string, error) {
	return "", b.loadAndAttach(&ebpf.ProgramSpec{
		Type: ebpf.Kprobe, AttachType: ebpf.AttachTraceKprobeMulti, Instructions: answer(0),
	}, func(program *ebpf.Program) (attachment, error) {
		return link.KprobeMulti(program, link.KprobeMultiOptions{Symbols: []string{tracedFunction}})
	})
}

// probeUprobe puts a probe on this process' own entry point, which has run already and will not run again.
func probeUprobe(b *bench) (string, error) {
	entry, err := entryOffset("/proc/self/exe")
	if err != nil {
		return "", err
	}
	return "", b.loadAndAttach(&ebpf.ProgramSpec{Type: ebpf.Kprobe, Instructions: answer(0)},
		func(program *ebpf.Program) (attachment, error) {
			executable, err := link.OpenExecutable("/proc/self/exe")
			if err != nil {
				return nil, err
			}
			return executable.Uprobe("entry", program, &link.UprobeOptions{Address: entry, PID: os.Getpid()})
		})
}

// entryOffset is where in the file the first instruction of an executable lies.
func entryOffset(path string) (uint64, error) {
	file, err := elf.Open(path)
	if err != nil {
		return 0, fmt.Errorf("opening own executable: %w", err)
	}
	defer file.Close()
	for _, segment := range file.Progs {
		if segment.Type == elf.PT_LOAD && file.Entry >= segment.Vaddr && file.Entry < segment.Vaddr+segment.Filesz {
			return file.Entry - segment.Vaddr + segment.Off, nil
		}
	}
	return 0, errors.New("finding the entry point of own executable: no segment holds it")
}

// probeSecurityModule also makes the hook run: kernels where bpf is not among the active security modules accept the
// program, attach it, and never call it.
func probeSecurityModule(b *bench) (string, error) {
	counter, err := ebpf.NewMap(&ebpf.MapSpec{
		Name: programName, Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 1,
	})
	if err != nil {
		return "", fmt.Errorf("creating a counter: %w", err)
	}
	defer counter.Close()
	program, err := b.load(&ebpf.ProgramSpec{
		Type: ebpf.LSM, AttachType: ebpf.AttachLSMMac, AttachTo: "socket_create", Instructions: count(counter),
	})
	if err != nil {
		return "", err
	}
	defer program.Close()
	attached, err := link.AttachLSM(link.LSMOptions{Program: program})
	if err != nil {
		return "", fmt.Errorf("attaching: %w", err)
	}
	defer attached.Close()
	socket, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return "", fmt.Errorf("making the hook run: %w", err)
	}
	defer unix.Close(socket)
	var calls uint64
	if err := counter.Lookup(uint32(0), &calls); err != nil {
		return "", fmt.Errorf("reading the counter: %w", err)
	}
	if calls == 0 {
		return "", errNeverRan
	}
	return "", nil
}
