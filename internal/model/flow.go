// SPDX-License-Identifier: Apache-2.0

package model

import (
	"net/netip"
	"time"
)

// Flow is what one side of a connection did within an interval: the row of a flow batch.
type Flow struct {
	Cookie        uint64
	Endpoint      *Endpoint
	Local, Remote netip.AddrPort
	Role          Role
	Failure       Failure
	// Opened: a SYN was sent in this interval. Established: the handshake was completed in it. Closed: it ended in it.
	Opened, Established, Closed bool
	Adopted                     bool
	Own                         bool
	// Start is when the connection was opened or adopted; End is zero while it is open.
	Start, End                     time.Time
	Delta                          Counters
	SmoothedRTT, MinRTT, Handshake time.Duration
}

// BoundListener is a listening socket with its owner resolved. An unspecified address stands for every address of the
// owner's network namespace.
type BoundListener struct {
	Local    netip.AddrPort
	Endpoint *Endpoint
}

// AddressOwner says to which network namespace an address belongs, and to which workload, where only one lives there.
type AddressOwner struct {
	Address  netip.Addr
	NetNS    uint32
	Endpoint *Endpoint
}

// Batch is a flow batch in memory: what wire encodes and decodes.
type Batch struct {
	Node     string
	AgentID  string
	Sequence uint64
	// Taken is when the batch was closed, by the agent's wall clock.
	Taken time.Time
	// Mono is CLOCK_MONOTONIC at the same instant, nanoseconds.
	Mono      uint64
	Interval  time.Duration
	Flows     []Flow
	Listeners []BoundListener
	Addresses []AddressOwner
	Stages    []StageCount
}

// StageCount is a stage's loss accounting as it travels: see package loss.
type StageCount struct {
	Stage   string
	In, Out uint64
	Dropped map[string]uint64
}
