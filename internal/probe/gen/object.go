// SPDX-License-Identifier: Apache-2.0

package gen

import (
	"errors"

	"github.com/cilium/ebpf"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

// Features are what the kernel that the programs are for can do beyond Linux 5.10. The zero value is the floor.
type Features struct {
	// Atomics are fetching atomics (5.12): exact triggers on several processors.
	Atomics bool
	// SignedOps are the signed division and sign extension of the fourth instruction set (6.6).
	SignedOps bool
	// SocketCast is bpf_skc_to_tcp_sock in tracing programs (5.11).
	SocketCast bool
	// TaskPointer is bpf_get_current_task_btf (5.11): members of the task by plain loads.
	TaskPointer bool
	// ReadOnlyCast is the BTF number of the function bpf_rdonly_cast (6.2), 0 for none; TypeNumber gives that of a struct.
	ReadOnlyCast uint32
	TypeNumber   func(structure string) (uint32, bool)
}

// Options are what a probe is generated for.
type Options struct {
	Features Features
	// CPUs is how many processors the kernel keeps room for: what per-CPU maps are multiplied by. 0 stands for 1.
	CPUs int
	// Lower is asked when the maps take more than the budget: it lowers the probe's entries, or tells that they stay. It may be nil.
	Lower func(probe *ir.Probe) bool
}

// Object is a probe as the kernel takes it.
type Object struct {
	Spec *ebpf.CollectionSpec
	// Programs are the starts of the pair, then the hooks, in the order of the probe.
	Programs []Program
	Maps     []Map
	Layout   *Layout
	// Hash is over instructions and map shapes.
	Hash string
	// Capabilities are what a process needs to load and attach this.
	Capabilities []string
	// Sampled tells that the trigger's shared counters take one match in so many (with its weight), because one of the hooks is
	// run more often than TriggerRate; 1 is all.
	Sampled int
}

// Program is one program and what is known about it.
type Program struct {
	Name string
	// Hook is the index into Probe.Hooks, or into Pair.Starts for a Start.
	Hook  int
	Start bool
	// Instructions counts 8-byte slots, as the kernel does.
	Instructions int
	StackBytes   int
	// Cost is the predicted time of a matching run in nanoseconds, without the hook's own.
	Cost  int
	Lines []Line
}

// Line says from which expression the instructions from Instruction on come, and what they do.
type Line struct {
	Instruction int
	Pos         ir.Pos
	What        string
}

// Map is one map and what it is for.
type Map struct {
	Name, Purpose string
	Entries       int
	Bytes         uint64
}

// Names of the maps. Sets are "set0", "set1" and so on.
const (
	MapRows    = "rows"
	MapOther   = "other"
	MapBlank   = "blank"
	MapWindows = "windows"
	MapPairs   = "pairs"
	MapEvents  = "events"
	MapControl = "control"
	MapMeters  = "meters"
	MapLosses  = "losses"
	MapScope   = "scope"
	MapStacks  = "stacks"
)

// maxInstructions bounds a program; jumps reach no further than 32767.
const maxInstructions = 16384

// ErrBounds is wrapped by errors about a probe that would be too large: stack, instructions, value or memory.
var ErrBounds = errors.New("too large")
