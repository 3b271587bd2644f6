// SPDX-License-Identifier: Apache-2.0

// Package meter reads what our programs count about themselves: see bpf/meter.h.
package meter

import (
	"fmt"
	"time"

	"github.com/cilium/ebpf"
)

// Slot is what one CPU has counted for one program. It mirrors struct meter.
type Slot struct {
	Runs, Timed, Nanoseconds uint64
}

// Reading is what one program has done on all CPUs.
type Reading struct {
	Runs uint64
	// Time is estimated from the runs that were timed.
	Time time.Duration
}

// Sum adds up the slots of one program.
func Sum(slots []Slot) Reading {
	var total Slot
	for _, s := range slots {
		total.Runs += s.Runs
		total.Timed += s.Timed
		total.Nanoseconds += s.Nanoseconds
	}
	reading := Reading{Runs: total.Runs}
	if total.Timed > 0 {
		mean := float64(total.Nanoseconds) / float64(total.Timed)
		reading.Time = time.Duration(mean * float64(total.Runs))
	}
	return reading
}

// Read reads the first n programs of a map of meters.
func Read(meters *ebpf.Map, n int) ([]Reading, error) {
	readings := make([]Reading, n)
	var slots []Slot
	for i := range readings {
		if err := meters.Lookup(uint32(i), &slots); err != nil {
			return nil, fmt.Errorf("reading the meter of program %d: %w", i, err)
		}
		readings[i] = Sum(slots)
	}
	return readings, nil
}
