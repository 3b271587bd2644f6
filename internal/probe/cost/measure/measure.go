// SPDX-License-Identifier: Apache-2.0

// Package measure puts programs that do next to nothing on hooks, so that what a hook itself costs can be measured: the
// figures of package cost come from it, by aeolus bench hooks. What runs into the hooks is the caller's.
package measure

import (
	"errors"

	"github.com/aeolus-ebpf/aeolus/internal/netlink"
	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

// ErrUnsupported says that programs can be loaded on Linux alone.
var ErrUnsupported = errors.New("BPF programs are Linux alone")

// Load is what runs into a hook a known number of times.
type Load string

// The loads. Each time, the thread's name is set; a datagram is sent over loopback, to a receiver that has no room for it; a
// datagram socket is connected; a function of Callee is called; a listening socket lies in the namespace; a byte goes over a
// TCP connection; a TCP connection is opened, accepted and reset.
const (
	Rename  Load = "rename"
	Send    Load = "send"
	Connect Load = "connect"
	Call    Load = "call"
	Listen  Load = "listen"
	Talk    Load = "talk"
	Dial    Load = "dial"
)

// Hook is one hook that is measured.
type Hook struct {
	Kind ir.HookKind
	// Target is the tracepoint, function, attach point or iterator; Direction is TCX's.
	Target, Direction string
	// Load is what runs into it, once each time.
	Load Load
}

// Name is how a person tells hooks apart.
func (h Hook) Name() string {
	switch {
	case h.Kind == ir.TCX:
		return h.Kind.String() + " " + h.Direction
	case h.Kind == ir.Cgroup, h.Kind == ir.Iterator:
		return h.Kind.String() + " " + h.Target
	}
	return h.Kind.String()
}

// Seldom tells whether there are kernels that have no such hook, or refuse it to everyone.
func (h Hook) Seldom() bool {
	switch h.Kind {
	case ir.Entry, ir.Exit, ir.Kprobe, ir.Kretprobe, ir.TCX:
		return true
	}
	return false
}

// ThreadName is what the thread is called that runs into hooks.
const ThreadName = "aeolus-measure"

// renaming is called, and is traced, whenever a thread gets a name.
const (
	renaming        = "__set_task_comm"
	renamed         = "task_rename"
	renamedCategory = "task"
)

// Hooks are those that are measured; hooks of the same load can be compared.
func Hooks() []Hook {
	return []Hook{
		{Kind: ir.BTFTracepoint, Target: renamed, Load: Rename},
		{Kind: ir.RawTracepoint, Target: renamed, Load: Rename},
		{Kind: ir.Tracepoint, Target: renamedCategory + "/" + renamed, Load: Rename},
		{Kind: ir.Entry, Target: renaming, Load: Rename},
		{Kind: ir.Exit, Target: renaming, Load: Rename},
		{Kind: ir.Kprobe, Target: renaming, Load: Rename},
		{Kind: ir.Kretprobe, Target: renaming, Load: Rename},
		{Kind: ir.Uprobe, Load: Call},
		{Kind: ir.Uretprobe, Load: Call},
		{Kind: ir.TCX, Direction: "egress", Load: Send},
		{Kind: ir.TCX, Direction: "ingress", Load: Send},
		{Kind: ir.Cgroup, Target: "egress", Load: Send},
		{Kind: ir.Cgroup, Target: "ingress", Load: Send},
		{Kind: ir.Cgroup, Target: "connect4", Load: Connect},
		{Kind: ir.Iterator, Target: "tcp", Load: Listen},
	}
}

// Body is what a measured program does.
type Body int

// The bodies: nothing, and one more in a counter of the CPU's own.
const (
	Empty Body = iota
	Counting
)

// Place is where hooks are that are not everywhere.
type Place struct {
	// Namespace is where the datagrams are sent, over lo.
	Namespace *netlink.Namespace
	// Cgroup is the directory, in a version 2 hierarchy, of who sends them; empty without one.
	Cgroup string
	// Callee is the program whose function is called.
	Callee string
}
