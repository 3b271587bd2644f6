// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/model"
)

// Kind names what is wrong.
type Kind string

// The kinds of anomaly.
const (
	ConnectFailures Kind = "connect-failures"
	Resets          Kind = "resets"
	Retransmits     Kind = "retransmits"
	Latency         Kind = "latency"
	Rate            Kind = "rate"
	Silence         Kind = "silence"
	NewEdge         Kind = "new-edge"
	// Rule is what an alerting rule found.
	Rule Kind = "rule"
)

// kinds in the order in which they are judged: causes before consequences.
var kinds = [...]Kind{ConnectFailures, Resets, Retransmits, Latency, Rate, Silence, NewEdge}

// Severity says how bad an anomaly is.
type Severity uint8

// The severities, worst last.
const (
	Degraded Severity = iota + 1
	Failing
)

func (s Severity) String() string { return [...]string{"none", "degraded", "failing"}[min(s, Failing)] }

// Evidence is one thing that an anomaly was judged by.
type Evidence struct {
	Time  time.Time
	Text  string
	Value float64
	// Usual is what the value was before; it is known where HasUsual is set.
	Usual    float64
	HasUsual bool
	Unit     string
}

// Anomaly is a stretch of time in which an edge was not as it should be.
type Anomaly struct {
	ID       string
	Edge     string
	Kind     Kind
	Severity Severity
	Opened   time.Time
	Changed  time.Time
	// Closed is zero while it lasts.
	Closed time.Time
	// Since is when it began: the first event that counts into it, where there is one.
	Since time.Time
	// Cause is the kind of event that was seen most of late.
	Cause  model.EventKind
	Events uint64
	// Value and Usual are the figure that it is about, and what that was before; ratios are shares of one.
	Value, Usual float64
	Evidence     []Evidence
	// Detection is how long it took from the first event's stamp; zero for statistical ones.
	Detection time.Duration
}

// Operation is what a decision does to its anomaly.
type Operation uint8

// The operations.
const (
	Open Operation = iota + 1
	Change
	Close
)

func (o Operation) String() string {
	return [...]string{"none", "open", "change", "close"}[min(o, Close)]
}

// Decision opens, changes or closes an anomaly, which it holds as it is from then on.
type Decision struct {
	Operation Operation
	Anomaly   Anomaly
}

// Occurrence is one event on an edge.
type Occurrence struct {
	Edge string
	Kind model.EventKind
	// Time is the kernel's stamp, Arrived when the controller had it.
	Time, Arrived time.Time
}

// Sample is what an edge did since the sample before.
type Sample struct {
	Edge           string
	Client, Server string

	Opens, Established, Closes          uint32
	Failures                            [8]uint32
	Segments, SentSegments, Retransmits uint64
	// ConnectRetransmits are the retransmits of connections that were not established, at most Retransmits.
	ConnectRetransmits                       uint32
	RoundTrip, LeastSmoothed, LeastRoundTrip time.Duration
	Handshakes                               uint32
	Handshake, LeastHandshake                time.Duration
	Open                                     int64
}
