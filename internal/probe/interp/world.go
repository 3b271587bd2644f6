// SPDX-License-Identifier: Apache-2.0

package interp

import "github.com/aeolus-ebpf/aeolus/internal/probe/ir"

// World is what is round a probe. The zero value is a world in which nothing can be read and no time passes.
type World struct {
	// Memory is the kernel's, User the running process'.
	Memory, User Memory
	// Running tells what is so while a run lasts; it is asked once for each.
	Running func() Running
	// Random draws 32 random bits: once for the sampling of a run, and once for each OpRandom.
	Random func() uint32
	// Scoped tells whether an owner is in the probe's scope.
	Scoped func(owner uint64) bool
	// Allowed takes an event from the budget at a time; nil allows all.
	Allowed func(now uint64) bool
	// Leaf knows the values of leaves (see IsLeaf) that need not be evaluated; nil knows none. With it neither Guard nor
	// sampling is asked: what was recorded had passed them.
	Leaf func(leaf *ir.Expr) (value ir.Value, readable bool, err error)
}

// Running is what is so while a run lasts.
type Running struct {
	// Now is CLOCK_MONOTONIC in nanoseconds.
	Now uint64
	CPU int
	// Task is the address of the running task. PID and TID are as user space numbers them.
	Task     uint64
	PID, TID uint32
	Comm     [16]byte
	Cgroup   uint64
	// Packet is what the context stands for in TCX and Cgroup hooks.
	Packet []byte
	// Stack and UserStack are the numbers of the stacks; negative where they were not kept.
	Stack, UserStack int64
}

func (w *World) fill() {
	if w.Memory == nil {
		w.Memory = Nothing{}
	}
	if w.User == nil {
		w.User = Nothing{}
	}
	if w.Running == nil {
		w.Running = func() Running { return Running{} }
	}
	if w.Random == nil {
		w.Random = func() uint32 { return 0 }
	}
	if w.Scoped == nil {
		w.Scoped = func(uint64) bool { return false }
	}
	if w.Allowed == nil {
		w.Allowed = func(uint64) bool { return true }
	}
}
