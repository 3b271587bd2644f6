// SPDX-License-Identifier: Apache-2.0

package model

// OwnerKind says which of the kernel's groupings an owner's ID belongs to. It travels with the ID, because on hybrid
// hosts every process may sit in the root of the cgroup v2 hierarchy.
type OwnerKind uint8

// The kinds, in order of preference.
const (
	OwnerUnknown OwnerKind = iota
	OwnerCgroup2
	OwnerCgroup1
	OwnerNetNS
)

func (k OwnerKind) String() string {
	return [...]string{"unknown", "cgroup2", "cgroup1", "netns"}[min(k, OwnerNetNS)]
}

// Owner is what the kernel knows of who holds a socket, taken when the event happened.
type Owner struct {
	Kind OwnerKind
	// ID is the cgroup's id (its inode number) for the cgroup kinds, the namespace's inode for OwnerNetNS.
	ID uint64
	// NetNS is the inode of the socket's network namespace.
	NetNS uint32
	// PID is the process (thread group) as the root PID namespace numbers it; 0 where no process is known.
	PID uint32
	// Comm is the process' name in the kernel, at most 15 bytes; any bytes, chosen by whoever runs it.
	Comm string
	// Inherited is set while an accepted socket still has its listener's process.
	Inherited bool
}

// Evidence says how something about an endpoint was learned.
type Evidence string

// The kinds of evidence.
const (
	EvidenceKernel      Evidence = "kernel"
	EvidenceCgroupPath  Evidence = "cgroup-path"
	EvidenceRuntime     Evidence = "runtime"
	EvidenceEnvironment Evidence = "environment"
	EvidenceProc        Evidence = "proc"
	EvidenceNetNS       Evidence = "netns"
)

// WorkloadKind says what kind of thing a workload is.
type WorkloadKind string

// The kinds of workload.
const (
	KindContainer WorkloadKind = "container"
	KindUnit      WorkloadKind = "unit"
	KindNetNS     WorkloadKind = "netns"
	KindProcess   WorkloadKind = "process"
	KindService   WorkloadKind = "service"
	KindAddress   WorkloadKind = "address"
)

// Endpoint is one side of a flow, resolved. Every string may have been chosen by an attacker.
type Endpoint struct {
	Workload  string
	Namespace string
	Kind      WorkloadKind
	Instance  string
	Version   string
	Zone      string
	Node      string

	PID        uint32
	Process    string
	Executable string

	Container Container
	Unit      string

	CgroupID   uint64
	CgroupPath string

	NetNS     uint32
	NetNSName string

	// Own marks Aeolus' own processes.
	Own bool
	// Evidence: attribute (workload, instance, version, zone, process, container, unit, netns) → how it was learned.
	Evidence map[string]Evidence
}

// Container is what a runtime knows of a container.
type Container struct {
	ID, Name, Image, Runtime string
}
