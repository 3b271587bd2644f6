// SPDX-License-Identifier: Apache-2.0

package feature

// Names of the features: what reports print and what programs that depend on one ask for.
const (
	BTF                = "btf"
	TypedTracepoint    = "tp_btf"
	RawTracepoint      = "raw tracepoint"
	Tracepoint         = "tracepoint"
	SocketStorageWalk  = "iter/bpf_sk_storage_map"
	TaskFileWalk       = "iter/task_file"
	SocketFromFile     = "bpf_sock_from_file"
	CgroupConnect      = "cgroup/connect4"
	CgroupSockRelease  = "cgroup/sock_release"
	TrafficControlLink = "tcx"
	TrafficControl     = "tc clsact"
	FunctionEntry      = "fentry"
	FunctionExit       = "fexit"
	Kprobe             = "kprobe"
	KprobeMulti        = "kprobe_multi"
	Uprobe             = "uprobe"
	SecurityModule     = "bpf lsm"

	RingBuffer      = "ring buffer"
	SocketStorage   = "sk_storage in tracing"
	SocketCookie    = "socket cookie in tracing"
	Atomics         = "fetching atomics"
	LockableMemory  = "map memory"
	Cgroup2         = "cgroup v2"
	Cgroup2Alone    = "cgroup v2 alone"
	NotLockedDown   = "no lockdown"
	StatisticsOff   = "run-time statistics off"
	TracefsMounted  = "tracefs mounted"
	CapabilityBPF   = "CAP_BPF"
	CapabilityTrace = "CAP_PERFMON"
	CapabilityNet   = "CAP_NET_ADMIN"
	CapabilityAdmin = "CAP_SYS_ADMIN"
	CapabilityPeek  = "CAP_SYS_PTRACE"
	CapabilityLimit = "CAP_SYS_RESOURCE"
)

// Names of what generated programs may use. Probe does not report them: programs do without, at a price.
const (
	SignedOperations = "signed division"
	SocketCast       = "socket cast in tracing"
	TypedTask        = "typed task in tracing"
	ReadOnlyCast     = "bpf_rdonly_cast"
	SocketIterator   = "iter/tcp"
)
