// SPDX-License-Identifier: Apache-2.0

// Package sensor is the contract between the built-in program sets and the agent that runs them.
//
// A sensor is a room of its own under this package: C source, generated object, attach plan, decoder. It knows the
// kernel and package model, and nothing of other sensors, Kubernetes or the wire.
package sensor

import (
	"context"
	"log/slog"
	"net/netip"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/loss"
	"github.com/aeolus-ebpf/aeolus/internal/model"
)

// Sensor is one built-in program set. New makes it without touching the kernel.
type Sensor interface {
	// Name is the one that assignments use.
	Name() string
	// Run loads, attaches, calls ready once it sees everything it can see on this kernel, and then reports to the sink
	// until ctx ends; then it detaches and returns nil. Programs are gone from the kernel when it returns.
	Run(ctx context.Context, sink Sink, ready func(State)) error
	// Cost reads the sensor's own meter.
	Cost() Cost
}

// State is how a sensor came up.
type State struct {
	// Missing lists what could not be attached and what is lost by it, one sentence each; empty when all is well.
	Missing []string
}

// Cost is what a sensor has cost so far.
type Cost struct {
	// Runs of its programs, and the time they took, estimated from the runs that were timed.
	Runs uint64
	Time time.Duration
	// Memory is what its maps hold in the kernel, bytes.
	Memory uint64
}

// Event is something urgent: it is handed over as soon as Go has it.
type Event struct {
	Kind model.EventKind
	// Conn is the connection at that instant; Taken is the kernel's stamp.
	Conn model.Connection
	// ByPeer tells, for a reset, that it was received.
	ByPeer bool
	// Read is CLOCK_MONOTONIC, nanoseconds, when Go had the record.
	Read uint64
}

// Sink takes what a sensor reports. Its methods are called from different goroutines, one goroutine a method; they must
// not block, and must not keep the slices. Connections, Listeners and Walked come from the same goroutine; the
// snapshots of one connection come in the order in which they were taken.
type Sink interface {
	// Event is called for each urgent record, in the order of the ring.
	Event(Event)
	// Connections takes snapshots: of connections that opened, closed or failed, and from the walk of those that moved.
	Connections([]model.Connection)
	// Listeners takes listening sockets as they come and go.
	Listeners([]model.Listener)
	// Walked says that a walk over all sockets that began at this CLOCK_MONOTONIC instant has been reported whole: moved or
	// not, each open connection and each listener was shown, in calls between which nothing else came. What was known
	// before that instant, was not shown as closed, and was not shown with a Taken at or after it, is gone, and how it
	// ended was lost. There are also walks of what moved alone, which say nothing here.
	Walked(began uint64)
}

// Settings are what every sensor gets.
type Settings struct {
	// Scope limits what the sensor sees; the zero value is the whole host.
	Scope Scope
	// Cgroup1Subsystem is the v1 controller whose cgroup ids stand in where the v2 id is the root's; empty for none.
	Cgroup1Subsystem string
	// Cgroup2Root is where the v2 hierarchy is mounted; empty when it is not.
	Cgroup2Root string
	// Routes, if set, tells connects that failed for want of a route from those that were never sent for another reason.
	Routes RouteChecker
	// Parameters come from the assignment.
	Parameters map[string]string
	Ledger     *loss.Ledger
	Logger     *slog.Logger
}

// RouteChecker looks up routes as a network namespace has them now. It may be called from several goroutines.
type RouteChecker interface {
	// NoRoute tells whether the namespace has no way to an address.
	NoRoute(netns uint32, remote netip.Addr) (bool, error)
}

// Scope is what an agent takes for its node. At most one of its fields is set.
type Scope struct {
	// CgroupPath is a subtree, as an absolute path in the hierarchy's file system.
	CgroupPath string
	// NetNS are inodes of network namespaces. Namespaces made by processes that live in one of them belong to the scope.
	NetNS []uint32
}
