// SPDX-License-Identifier: Apache-2.0

package gen

import (
	"encoding/binary"
	"fmt"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

// Control is the value of the map control: the switch, and what the programs may spend. What all runs read is in the first
// 64 bytes, what some of them write in the others.
type Control struct {
	// Off is 0 for on, else one of the reasons; At is when it was switched off by a program, CLOCK_MONOTONIC.
	Off, At uint64
	// CPUPrice is by how much a nanosecond that one run in 256 took moves CPUFullAt, CPUDepth how far ahead that may be.
	CPUPrice, CPUDepth uint64
	// EventInterval is by how much an event moves EventsFullAt, EventDepth how far ahead that may be.
	EventInterval, EventDepth uint64
	_                         [2]uint64
	// CPUFullAt and EventsFullAt are the instants at which the buckets will be full again.
	CPUFullAt, EventsFullAt uint64
	_                       [6]uint64
}

// Reasons for Control.Off.
const (
	// OffCPU: a program found that the budget is spent. OffAsked: user space has switched it off.
	OffCPU   = 1
	OffAsked = 2
)

// Where the fields of Control are.
const (
	controlOff           = 0
	controlAt            = 8
	controlPrice         = 16
	controlDepth         = 24
	controlInterval      = 32
	controlEventDepth    = 40
	controlFullAt        = 64
	controlEventsFullAt  = 72
	controlBytes         = 128
	timedOneIn           = 256
	longestTimed         = 20_000
	million              = 1_000_000
	second               = 1_000_000_000
	cappedRunsBeforeOver = 4
)

// Budgets that stand for zero fields of ir.Budget.
const (
	DefaultCPU    = 10_000
	DefaultMemory = 4 << 20
	DefaultEvents = 100
)

func withDefaults(b ir.Budget) ir.Budget {
	if b.CPU == 0 {
		b.CPU = DefaultCPU
	}
	if b.Memory == 0 {
		b.Memory = DefaultMemory
	}
	if b.Events == 0 {
		b.Events = DefaultEvents
	}
	return b
}

// NewControl is what the map holds at first. A run that was interrupted counts for no more than 20 µs, and several of those
// fit the bucket, so that no single one switches a probe off.
func NewControl(budget ir.Budget) Control {
	budget = withDefaults(budget)
	price := uint64(timedOneIn) * million / uint64(budget.CPU)
	return Control{
		CPUPrice: price, CPUDepth: max(second, cappedRunsBeforeOver*longestTimed*price),
		EventInterval: second / uint64(budget.Events), EventDepth: second,
	}
}

// MarshalBinary is how it lies in the map.
func (c Control) MarshalBinary() ([]byte, error) {
	out := make([]byte, controlBytes)
	for off, n := range map[int]uint64{
		controlOff: c.Off, controlAt: c.At, controlPrice: c.CPUPrice, controlDepth: c.CPUDepth, controlInterval: c.EventInterval,
		controlEventDepth: c.EventDepth, controlFullAt: c.CPUFullAt, controlEventsFullAt: c.EventsFullAt,
	} {
		binary.NativeEndian.PutUint64(out[off:], n)
	}
	return out, nil
}

// UnmarshalBinary reads the map's value.
func (c *Control) UnmarshalBinary(from []byte) error {
	if len(from) < controlBytes {
		return fmt.Errorf("reading control: %d bytes of %d", len(from), controlBytes)
	}
	for off, into := range map[int]*uint64{
		controlOff: &c.Off, controlAt: &c.At, controlPrice: &c.CPUPrice, controlDepth: &c.CPUDepth, controlInterval: &c.EventInterval,
		controlEventDepth: &c.EventDepth, controlFullAt: &c.CPUFullAt, controlEventsFullAt: &c.EventsFullAt,
	} {
		*into = binary.NativeEndian.Uint64(from[off:])
	}
	return nil
}
