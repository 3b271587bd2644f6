// SPDX-License-Identifier: Apache-2.0

package model

import (
	"net/netip"
	"time"
)

// EventKind names what happened.
type EventKind string

// The events that the tcp sensor reports, and those that the controller makes.
const (
	EventRefused     EventKind = "connect.refused"
	EventTimedOut    EventKind = "connect.timed-out"
	EventGivenUp     EventKind = "connect.given-up"
	EventUnreachable EventKind = "connect.unreachable"
	EventNoRoute     EventKind = "connect.no-route"
	EventNeverSent   EventKind = "connect.never-sent"
	// EventRetrying is the second retransmission of a SYN: nobody has answered for three seconds.
	EventRetrying EventKind = "connect.retrying"
	EventReset    EventKind = "connection.reset"
	EventNewEdge  EventKind = "edge.new"
	// EventLog is a log record of another program; it happened on no edge.
	EventLog EventKind = "log"
)

// Event is something that happened at one instant, as one side saw it.
type Event struct {
	// ID is unique over all nodes: agent id, a dash, a number.
	ID   string
	Kind EventKind
	Node string
	// Time is the kernel's stamp, by the agent's wall clock.
	Time          time.Time
	Cookie        uint64
	Local, Remote netip.AddrPort
	Role          Role
	Endpoint      *Endpoint
	// Errno is the socket's error; 0 for none.
	Errno uint16
	// Attempt counts the SYNs sent.
	Attempt uint8
	// ByPeer tells, for a reset, that it was received and not sent.
	ByPeer bool
	Own    bool
	// Received is when the agent's Go code had it, by the same clock as Time.
	Received time.Time
}

// EventOf gives the event that reports a failure.
func EventOf(f Failure) EventKind {
	return [...]EventKind{"", EventRefused, EventTimedOut, EventGivenUp, EventReset, EventUnreachable, EventNoRoute,
		EventNeverSent}[min(int(f), int(FailureNeverSent))]
}
