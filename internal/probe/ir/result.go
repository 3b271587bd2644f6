// SPDX-License-Identifier: Apache-2.0

package ir

// Value is one value of an expression: Number for scalars, Wide (Type.Bytes bytes) for the others.
type Value struct {
	Number uint64
	Wide   []byte
}

// Row is what a probe has kept for one key.
type Row struct {
	Keys     []Value
	Measures []Measured
}

// Measured is one figure of a row.
type Measured struct {
	// Number is the count, sum, least or greatest value, in the measure's type; an Average's sum.
	Number uint64
	// Count is how many values an Average has.
	Count uint64
	// Buckets of a histogram; registers of Distinct, one byte each in the lower bits.
	Buckets []uint64
	// Error is by how much Number may be too low, because the key was not kept all the time (Top).
	Error uint64
}

// Event is a match that left the kernel at once.
type Event struct {
	// Time is CLOCK_MONOTONIC, nanoseconds.
	Time uint64
	// Hook is the index into Probe.Hooks; CPU where it ran.
	Hook, CPU int
	// Triggered events carry Measured, the values that Trigger.Measures had in the window.
	Triggered bool
	Measured  []uint64
	Keys      []Value
	Emit      []Value
}

// Loss is why something was not counted, kept or told.
type Loss uint8

// The causes, in the order of their counters in the kernel.
const (
	// ReadFailed runs ended because something could not be read, or a guard did not hold: no match.
	ReadFailed Loss = iota
	// KeysFull matches found no room for their key; they are counted in the row "other".
	KeysFull
	// EventsLimited were held back by the budget, EventsFull found no room in the ring.
	EventsLimited
	EventsFull
	// PairsFull starts found no room, PairsMissing ends found no start.
	PairsFull
	PairsMissing
	// StacksFull stacks were not kept.
	StacksFull
	// SwitchedOff runs ended at once because the budget was spent.
	SwitchedOff
	// Skipped runs did not begin: the program was running on that processor already, interrupted by what it was to see. The kernel counts
	// these itself.
	Skipped
	Losses
	// Counted is how many causes the programs count: those before Skipped.
	Counted = Skipped
)

var lossNames = [Losses]string{
	"read-failed", "keys-full", "events-limited", "events-full", "pairs-full", "pairs-missing", "stacks-full", "switched-off", "skipped",
}

func (l Loss) String() string {
	if l < Losses {
		return lossNames[l]
	}
	return "unknown"
}
