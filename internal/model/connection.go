// SPDX-License-Identifier: Apache-2.0

package model

import (
	"net/netip"
	"time"
)

// Role is the part that the reporting side plays in a connection.
type Role uint8

// The roles. RoleUnknown is for connections older than the agent whose listener has gone.
const (
	RoleUnknown Role = iota
	RoleClient
	RoleServer
)

func (r Role) String() string {
	return [...]string{"unknown", "client", "server"}[min(r, RoleServer)]
}

// Phase is how far a connection has come.
type Phase uint8

// The phases.
const (
	PhaseOpening Phase = iota + 1
	PhaseEstablished
	PhaseClosed
)

func (p Phase) String() string {
	return [...]string{"unknown", "opening", "established", "closed"}[min(p, PhaseClosed)]
}

// Failure says why a connection failed, or ended otherwise than in order. The numbers are those of flow/v1.
type Failure uint8

// The failures; see flow/v1 for what each means exactly.
const (
	FailureNone Failure = iota
	FailureRefused
	FailureTimedOut
	FailureGivenUp
	FailureReset
	FailureUnreachable
	FailureNoRoute
	FailureNeverSent
)

var failureNames = [...]string{"none", "refused", "timed-out", "given-up", "reset", "unreachable", "no-route", "never-sent"}

func (f Failure) String() string {
	if int(f) >= len(failureNames) {
		return "unknown"
	}
	return failureNames[f]
}

// Connection is one side's view of a TCP connection at one instant, as a sensor took it from the kernel. Counters are
// cumulative since the connection began, so that a snapshot that is lost is made good by the next.
type Connection struct {
	// Cookie is the kernel's socket cookie. A program may connect a socket again after it failed: how many connections it
	// had before is in the upper 16 bits then, so that no two connections have the same cookie.
	Cookie        uint64
	Local, Remote netip.AddrPort
	Owner         Owner
	Role          Role
	Phase         Phase
	Failure       Failure
	// Adopted is set for connections older than the sensor; Base then holds what they had counted before.
	Adopted bool
	Base    Counters

	// CLOCK_MONOTONIC nanoseconds; 0 where it has not happened. Taken is when the snapshot was made.
	Opened, Established, Closed, Taken uint64

	Counters Counters
	// SmoothedRTT and MinRTT are 0 where the kernel has no sample. Handshake is from the SYN to its answer, as the
	// client saw it.
	SmoothedRTT, MinRTT, Handshake time.Duration
	// SynRetransmits counts the unanswered SYNs so far.
	SynRetransmits uint8
	// Errno is the socket's error when it closed; 0 for none.
	Errno uint16
}

// Counters are what a connection has carried. Bytes are payload: retransmissions and FIN are not in it.
type Counters struct {
	SentBytes, ReceivedBytes       uint64
	SentSegments, ReceivedSegments uint64
	Retransmits                    uint64
	ResetsSent, ResetsReceived     uint32
}

// Sub returns c less an earlier reading of the same counters. A counter that went back, which a reading taken while the
// connection moved may show, counts as unchanged.
func (c Counters) Sub(earlier Counters) Counters {
	return Counters{
		SentBytes:        since(c.SentBytes, earlier.SentBytes),
		ReceivedBytes:    since(c.ReceivedBytes, earlier.ReceivedBytes),
		SentSegments:     since(c.SentSegments, earlier.SentSegments),
		ReceivedSegments: since(c.ReceivedSegments, earlier.ReceivedSegments),
		Retransmits:      since(c.Retransmits, earlier.Retransmits),
		ResetsSent:       since(c.ResetsSent, earlier.ResetsSent),
		ResetsReceived:   since(c.ResetsReceived, earlier.ResetsReceived),
	}
}

// Max returns the later of two readings, counter by counter.
func (c Counters) Max(other Counters) Counters {
	return Counters{
		SentBytes:        max(c.SentBytes, other.SentBytes),
		ReceivedBytes:    max(c.ReceivedBytes, other.ReceivedBytes),
		SentSegments:     max(c.SentSegments, other.SentSegments),
		ReceivedSegments: max(c.ReceivedSegments, other.ReceivedSegments),
		Retransmits:      max(c.Retransmits, other.Retransmits),
		ResetsSent:       max(c.ResetsSent, other.ResetsSent),
		ResetsReceived:   max(c.ResetsReceived, other.ResetsReceived),
	}
}

// Add returns the sum of two deltas.
func (c Counters) Add(other Counters) Counters {
	return Counters{
		SentBytes:        c.SentBytes + other.SentBytes,
		ReceivedBytes:    c.ReceivedBytes + other.ReceivedBytes,
		SentSegments:     c.SentSegments + other.SentSegments,
		ReceivedSegments: c.ReceivedSegments + other.ReceivedSegments,
		Retransmits:      c.Retransmits + other.Retransmits,
		ResetsSent:       c.ResetsSent + other.ResetsSent,
		ResetsReceived:   c.ResetsReceived + other.ResetsReceived,
	}
}

// IsZero tells whether nothing was counted.
func (c Counters) IsZero() bool { return c == Counters{} }

func since[T uint32 | uint64](now, then T) T {
	if now < then {
		return 0
	}
	return now - then
}

// Listener is a listening socket.
type Listener struct {
	Cookie uint64
	Local  netip.AddrPort
	Owner  Owner
	// Gone is set when it has stopped listening.
	Gone bool
}
