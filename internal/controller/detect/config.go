// SPDX-License-Identifier: Apache-2.0

package detect

import "time"

// Config tunes the detectors. The zero value of a field stands for its default.
type Config struct {
	// Learning is how long an edge must have been seen before it is judged by what is usual for it; 60 s.
	Learning time.Duration
	// Quiet is how long no failure may have been seen for an anomaly to close, while connects succeed; 5 s.
	Quiet time.Duration
	// Idle is how long nothing may have been tried for an anomaly to close; 30 s.
	Idle time.Duration
	// Share of attempts that must fail on an edge with many of them; 0.05.
	Share float64
	// RetransmitShare of the segments sent that must be sent again; 0.02.
	RetransmitShare float64
	// LatencyFactor and LatencyRise: by how many times, and by how much, a round trip must have grown; 3 and 10 ms.
	LatencyFactor float64
	LatencyRise   time.Duration
	// SmoothedRise is LatencyRise for the smoothed round trip alone, which delayed acknowledgements and busy programs
	// move by up to 40 ms; 50 ms.
	SmoothedRise time.Duration
	// RateFactor is by how many times the rate of connections or segments must have changed; 3.
	RateFactor float64
	// Adapt is after how long a changed rate counts as the new usual one; 10 min.
	Adapt time.Duration
	// NewEdges makes anomalies of edges that were never seen before.
	NewEdges bool
}

func (c Config) withDefaults() Config {
	duration := func(value *time.Duration, otherwise time.Duration) {
		if *value <= 0 {
			*value = otherwise
		}
	}
	number := func(value *float64, otherwise float64) {
		if *value <= 0 {
			*value = otherwise
		}
	}
	duration(&c.Learning, time.Minute)
	duration(&c.Quiet, 5*time.Second)
	duration(&c.Idle, 30*time.Second)
	duration(&c.LatencyRise, 10*time.Millisecond)
	duration(&c.SmoothedRise, 50*time.Millisecond)
	duration(&c.Adapt, 10*time.Minute)
	number(&c.Share, 0.05)
	number(&c.RetransmitShare, 0.02)
	number(&c.LatencyFactor, 3)
	number(&c.RateFactor, 3)
	return c
}
