// SPDX-License-Identifier: Apache-2.0

package local

import "log/slog"

// Config is what a Resolver needs to know.
type Config struct {
	// Node is the name under which endpoints report this host.
	Node string
	// ProcRoot is where the proc file system is mounted; /proc if it is empty.
	ProcRoot string
	// CgroupRoot is the directory under which cgroup file systems are looked for; anywhere if it is empty.
	CgroupRoot string
	// OwnPIDs are the processes of Aeolus itself.
	OwnPIDs []uint32
	// Runtimes are the sockets of container runtimes; the usual places if it is nil, none if it is empty.
	Runtimes []RuntimeSocket
	Logger   *slog.Logger
}

// RuntimeSocket is where a container runtime answers.
type RuntimeSocket struct {
	// Protocol is how it is asked.
	Protocol RuntimeProtocol
	// Path is the unix socket. One that is not there is asked again later.
	Path string
}

// RuntimeProtocol is a container runtime's interface.
type RuntimeProtocol string

// The interfaces that are known: Docker's HTTP interface, which Podman has too, containerd's own, and the container
// runtime interface of Kubernetes, for CRI-O.
const (
	ProtocolDocker     RuntimeProtocol = "docker"
	ProtocolContainerd RuntimeProtocol = "containerd"
	ProtocolCRI        RuntimeProtocol = "cri"
)

// Hierarchy is where control groups are found on this host.
type Hierarchy struct {
	// V2 is where the version 2 file system is mounted; empty where it is not.
	V2 string
	// V1 is where the version 1 hierarchy is mounted whose ids stand in where the v2 group is the root; empty for none.
	V1 string
	// V1Subsystem is the name of that hierarchy's controller, such as pids.
	V1Subsystem string
}
