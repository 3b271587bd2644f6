// SPDX-License-Identifier: Apache-2.0

package feature

// trial is one row of the table: a name, what its absence means, and how to find out.
type trial struct {
	name    string
	group   Group
	without string
	// Probe tries it. It returns a detail worth showing, if there is one.
	probe func(*bench) (string, error)
	// volatile marks what may change while the process lives, so that it is asked anew every time.
	volatile bool
}

// olderForm is what the tcp sensor does where it cannot keep what it knows of a socket with the socket.
const olderForm = "The tcp sensor runs in its form for older kernels: it keeps a table of sockets, with room for 65536."

// trials is the table of everything that is tried, in the order in which it is reported.
var trials = []trial{
	{name: BTF, group: Hook, probe: probeBTF,
		without: "Nothing that reads kernel structures can run: connections are not seen at all."},
	{name: TypedTracepoint, group: Hook, probe: probeTypedTracepoint,
		without: "The tcp sensor cannot run: openings, closings, failures and resets are not seen."},
	{name: RawTracepoint, group: Hook, probe: probeRawTracepoint,
		without: "Sensors that read a tracepoint's raw arguments cannot run; the tcp sensor does not need it."},
	{name: Tracepoint, group: Hook, probe: probeTracepoint,
		without: "System calls and scheduling cannot be watched; the tcp sensor does not need it."},
	{name: SocketStorageWalk, group: Hook, probe: probeSocketStorageWalk,
		without: olderForm},
	{name: TaskFileWalk, group: Hook, probe: probeTaskFileWalk,
		without: "The tcp sensor cannot run: it finds what is older than itself by the files of all processes."},
	{name: SocketFromFile, group: Language, probe: probeSocketFromFile,
		without: olderForm},
	{name: CgroupConnect, group: Hook, probe: probeCgroupConnect,
		without: "A connect that finds no route or no local port is not seen; every other failure is."},
	{name: CgroupSockRelease, group: Hook, probe: probeCgroupSockRelease,
		without: "A connect that never sent anything is not seen as failed; every other failure is."},
	{name: TrafficControlLink, group: Hook, probe: probeTrafficControlLink,
		without: "Packet programs attach through tc clsact instead, where another tool may replace them."},
	{name: TrafficControl, group: Hook, probe: probeTrafficControl,
		without: "Where tcx is missing too, packets that end in no local socket are not seen."},
	{name: FunctionEntry, group: Hook, probe: probeFunctionEntry,
		without: "Kernel functions can be watched only by kprobes, which cost more; built-in sensors do not need it."},
	{name: FunctionExit, group: Hook, probe: probeFunctionExit,
		without: "Return values of kernel functions come from kretprobes or not at all; built-in sensors do not need it."},
	{name: Kprobe, group: Hook, probe: probeKprobe,
		without: "Probes on kernel functions need fentry; built-in sensors do not need it."},
	{name: KprobeMulti, group: Hook, probe: probeKprobeMulti,
		without: "Probes on many kernel functions attach one by one, slowly; built-in sensors do not need it."},
	{name: Uprobe, group: Hook, probe: probeUprobe,
		without: "Functions of programs, such as TLS libraries, cannot be watched; connections are."},
	{name: SecurityModule, group: Hook, probe: probeSecurityModule,
		without: "eBPF maps cannot be guarded against other privileged processes; observing works."},
	{name: RingBuffer, group: Language, probe: probeRingBuffer,
		without: "No sensor can report: nothing is seen."},
	{name: SocketStorage, group: Language, probe: probeSocketStorage,
		without: olderForm},
	{name: SocketCookie, group: Language, probe: probeSocketCookie,
		without: "The tcp sensor numbers connections by itself; they cannot be matched with other tools by cookie."},
	{name: Atomics, group: Language, probe: probeAtomics,
		without: "The tcp sensor does not count the connections whose end no program has seen."},
	{name: LockableMemory, group: Language, probe: probeLockableMemory, volatile: true,
		without: "Maps of the sizes that sensors need cannot be created: raise the limit on locked memory."},
	{name: Cgroup2, group: State, probe: probeCgroup2, volatile: true,
		without: "Owners come from cgroup v1 or the network namespace, and connects that never sent are not seen."},
	{name: Cgroup2Alone, group: State, probe: probeCgroup2Alone, volatile: true,
		without: "Where processes sit in the v2 root, owners come from a v1 hierarchy."},
	{name: NotLockedDown, group: State, probe: probeNotLockedDown, volatile: true,
		without: "Some hooks are denied, and in confidentiality mode kernel memory cannot be read by programs."},
	{name: StatisticsOff, group: State, probe: probeStatisticsOff, volatile: true,
		without: "Every BPF program of this host pays for being timed, and benchmarks refuse to run."},
	{name: TracefsMounted, group: State, probe: probeTracefs, volatile: true,
		without: "Tracepoints of system calls and scheduling cannot be found; the tcp sensor does not need it."},
	capability(CapabilityBPF, "Programs and maps cannot be created, unless there is CAP_SYS_ADMIN."),
	capability(CapabilityTrace, "Tracing programs cannot be loaded or attached, unless there is CAP_SYS_ADMIN."),
	capability(CapabilityNet, "Cgroup and packet programs cannot be attached; tracing works."),
	capability(CapabilityAdmin, "Network namespaces of others cannot be entered, and iterators over ids are closed."),
	capability(CapabilityPeek, "Processes of other users cannot be looked into: some owners stay unnamed."),
	capability(CapabilityLimit, "The limit on locked memory cannot be raised, which kernels before 5.11 need."),
}

func capability(name, without string) trial {
	return trial{name: name, group: Capability, without: without, volatile: true,
		probe: func(b *bench) (string, error) { return probeCapability(b, name) }}
}
