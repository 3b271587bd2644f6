// SPDX-License-Identifier: Apache-2.0

package graph

import (
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/model"
)

const failureKinds = int(model.FailureNeverSent) + 1

// Bucket is what an edge did within one second, or what was added up over several.
type Bucket struct {
	Second                     int64
	Opens, Established, Closes uint32
	// Failures by model.Failure.
	Failures [failureKinds]uint32
	// Payload from client to server, and back.
	Sent, Received uint64
	// Segments counts both directions. Sent segments are those whose sender reports, and can therefore tell how many
	// of them were sent again.
	Segments, SentSegments, Retransmits uint64
	// Smoothed round trips, weighted by the segments they stand for; seconds.
	RTTSum, RTTWeight float64
	// The least of the smoothed and of the minimum round trips; zero where there is none.
	LeastSmoothed, LeastRTT time.Duration
	HandshakeSum            time.Duration
	HandshakeCount          uint32
	// ConnectRetransmits are those of the retransmits that were seen before their connection was established: SYNs.
	ConnectRetransmits uint32
	LeastHandshake     time.Duration
	// Open is how many connections were open at the end.
	Open int32
}

// Add adds another stretch of time to this one.
func (b *Bucket) Add(o *Bucket) {
	b.Opens += o.Opens
	b.Established += o.Established
	b.Closes += o.Closes
	for i := range b.Failures {
		b.Failures[i] += o.Failures[i]
	}
	b.Sent += o.Sent
	b.Received += o.Received
	b.Segments += o.Segments
	b.SentSegments += o.SentSegments
	b.Retransmits += o.Retransmits
	b.RTTSum += o.RTTSum
	b.RTTWeight += o.RTTWeight
	b.LeastSmoothed = least(b.LeastSmoothed, o.LeastSmoothed)
	b.LeastRTT = least(b.LeastRTT, o.LeastRTT)
	b.HandshakeSum += o.HandshakeSum
	b.HandshakeCount += o.HandshakeCount
	b.ConnectRetransmits += o.ConnectRetransmits
	b.LeastHandshake = least(b.LeastHandshake, o.LeastHandshake)
}

// AddRoundTrip adds a reading of one side's round trips, which stands for so many segments.
func (b *Bucket) AddRoundTrip(smoothed, lowest time.Duration, segments uint64) {
	if smoothed > 0 {
		weight := float64(max(segments, 1))
		b.RTTSum += smoothed.Seconds() * weight
		b.RTTWeight += weight
		b.LeastSmoothed = least(b.LeastSmoothed, smoothed)
	}
	b.LeastRTT = least(b.LeastRTT, lowest)
}

// AddHandshake adds the time that one handshake took.
func (b *Bucket) AddHandshake(took time.Duration) {
	if took <= 0 {
		return
	}
	b.HandshakeSum += took
	b.HandshakeCount++
	b.LeastHandshake = least(b.LeastHandshake, took)
}

// Failed is the number of failures of every kind but resets, which end connections that had been established.
func (b *Bucket) Failed() uint32 {
	var n uint32
	for kind, count := range b.Failures {
		if model.Failure(kind) != model.FailureReset {
			n += count
		}
	}
	return n
}

// Attempts is the number of connects, those that never sent a SYN included.
func (b *Bucket) Attempts() uint32 {
	return b.Opens + b.Failures[model.FailureNoRoute] + b.Failures[model.FailureNeverSent]
}

// IsZero tells whether nothing happened.
func (b *Bucket) IsZero() bool {
	rest := *b
	rest.Second, rest.Open = 0, 0
	return rest == Bucket{}
}

// least gives the smaller of two readings, where zero means that there is none.
func least(a, b time.Duration) time.Duration {
	if a == 0 || (b != 0 && b < a) {
		return b
	}
	return a
}
