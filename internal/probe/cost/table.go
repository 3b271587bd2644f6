// SPDX-License-Identifier: Apache-2.0

package cost

import "github.com/aeolus-ebpf/aeolus/internal/probe/ir"

// here is where most figures were measured: a virtual machine with two CPUs of an EPYC 9005.
var here = Source{Kernel: "6.18.44", Day: "2026-11-20"}

// guest is where those were measured that the other kernel does not have: 38 runs of aeolus bench hooks under emulation.
// Of the hits that did nothing and those that counted, the middle was taken, in proportion by tp_btf's.
var guest = Source{Kernel: "6.18.15", Day: "2026-11-20", Emulated: true}

// figures are the table. Tracepoints were hit by setting a thread's name, uprobes by calling a function, tcx and cgroup by
// datagrams over loopback; an iterator's hit is a socket.
var figures = [...]Figure{
	{Kind: ir.BTFTracepoint, Hit: 32, Spread: 9, Source: here},
	{Kind: ir.RawTracepoint, Hit: 34, Spread: 8, Source: here},
	{Kind: ir.Tracepoint, Hit: 50, Spread: 11, Source: here},
	{Kind: ir.Entry, Hit: 35, Spread: 83, Source: guest},
	{Kind: ir.Exit, Hit: 36, Spread: 65, Source: guest},
	{Kind: ir.Kprobe, Hit: 140, Spread: 98, Source: guest},
	{Kind: ir.Kretprobe, Hit: 304, Spread: 80, Source: guest},
	{Kind: ir.Uprobe, Hit: 521, Spread: 16, Source: here},
	{Kind: ir.Uretprobe, Hit: 733, Spread: 27, Source: here},
	{Kind: ir.TCX, Target: "egress", Hit: 64, Spread: 33, Source: here},
	{Kind: ir.TCX, Target: "ingress", Hit: 66, Spread: 64, Source: here},
	{Kind: ir.Cgroup, Target: "egress", Hit: 74, Spread: 59, Source: here},
	{Kind: ir.Cgroup, Target: "ingress", Hit: 64, Spread: 54, Source: here},
	{Kind: ir.Cgroup, Target: "connect4", Hit: 118, Spread: 26, Source: here},
	{Kind: ir.Iterator, Target: "tcp", Hit: 747, Spread: 55, Source: here},
}
