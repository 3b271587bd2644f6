// SPDX-License-Identifier: Apache-2.0

package ir

import (
	"fmt"
	"time"
)

// HookKind is a way to be called by the kernel.
type HookKind uint8

// The kinds of hooks. BTFTracepoint, Entry, Exit and Iterator have typed pointers, which may be read directly.
const (
	HookInvalid HookKind = iota
	BTFTracepoint
	RawTracepoint
	Tracepoint
	Entry
	Exit
	Kprobe
	Kretprobe
	Uprobe
	Uretprobe
	TCX
	Cgroup
	Iterator
)

var hookKinds = [...]string{
	"invalid", "tp_btf", "raw_tp", "tracepoint", "fentry", "fexit", "kprobe", "kretprobe", "uprobe", "uretprobe", "tcx", "cgroup", "iter",
}

// String is the kind's name in a written probe.
func (k HookKind) String() string {
	if int(k) < len(hookKinds) {
		return hookKinds[k]
	}
	return fmt.Sprintf("hook %d", k)
}

// Hook is where a program runs, and its expressions: they are resolved for each hook by itself, because the same name may
// be at another place there.
type Hook struct {
	Kind HookKind
	// Target is the tracepoint ("inet_sock_set_state", "tcp/tcp_probe" for Tracepoint), function, symbol, iterator ("tcp"),
	// or the cgroup's attach point ("ingress", "egress", "connect4", …).
	Target string
	// Where is "ingress" or "egress" for TCX. Path is the binary of a uprobe or the directory of a cgroup; Interface is TCX's.
	Direction, Path, Interface string
	// Every is how often an iterator walks.
	Every time.Duration
	// Alternatives are the other kinds that would have done where the hook was written as event, call or return, cheapest
	// first, and why each was not taken.
	Alternatives []Alternative

	// Guard is what the scope asks for, then what the person asks for; nil holds always.
	Guard, Where *Expr
	// PairKey tells which start belongs to which end; nil without a pair.
	PairKey *Expr
	// Keep are the values that a start keeps for its end; only in Pair.Starts.
	Keep []*Expr
	// Keys, Measures and Emit are parallel to those of the probe; a measure that counts has nil.
	Keys, Measures, Emit []*Expr
}

// Alternative is a kind of hook that an automatic hook might have been.
type Alternative struct {
	Kind HookKind
	// Target is what the hook would have been on.
	Target string
	// Why it was not taken: "costs more", "this machine cannot".
	Why string
}

// MeasureKind is what is done with a measured value.
type MeasureKind uint8

// The kinds of measures.
const (
	MeasureInvalid MeasureKind = iota
	Count
	Sum
	Min
	Max
	// Average keeps sum and count.
	Average
	// Log2Histogram has 64 buckets: bucket i holds what is less than 2^i and no less than 2^(i-1); bucket 0 holds 0 and less.
	Log2Histogram
	// Histogram has a bucket for each of Bounds, whose upper ends they are (exclusive), and one for the rest.
	Histogram
	// Distinct estimates how many different values there were: HyperLogLog with 2^Precision registers, standard error
	// 1.04 / sqrt(2^Precision).
	Distinct
	// Rate is a count or, with a value, a sum, shown per second.
	Rate
)

// Measure is one figure that is kept for each key.
type Measure struct {
	Name string
	Kind MeasureKind
	// Type is what goes in, Invalid for a count.
	Type Type
	// Bounds of a Histogram, ascending, in the units of Type.
	Bounds []int64
	// Precision of Distinct, 4 to 12.
	Precision int
}

// Field is a key or an emitted value.
type Field struct {
	Name string
	Type Type
}

// Pair joins a start with an end, such as the call of a function with its return.
type Pair struct {
	Starts []Hook
	// Keep are the names and types of what a start keeps.
	Keep []Field
	// Key is the type of the value that start and end have in common.
	Key Type
	// Entries bounds how many starts may wait for their end; Longest is after how long one is forgotten.
	Entries int
	Longest time.Duration
}

// Trigger lets an event leave at once when a key's measures, counted from the start of a window, reach something.
type Trigger struct {
	// When is over OpMeasured. It is asked after each update, and answers at most once per key and window.
	When   *Expr
	Within time.Duration
	// Measures are the indices of the measures that When asks for: these have a counter that all processors share.
	Measures []int
}

// Top asks for the K keys with the most of a measure; keys beyond what the map holds are counted together.
type Top struct {
	K, Measure int
}

// Budget bounds what a probe may take; zero fields stand for the defaults.
type Budget struct {
	// CPU is a share of one processor, in millionths.
	CPU uint32
	// Memory of all maps, bytes.
	Memory uint64
	// Events per second that may leave.
	Events uint32
}

// Source is one of the expressions as it was written, and where: "spec.where".
type Source struct {
	Where, Text string
}

// Enum is the names of an enumeration's values on this kernel.
type Enum struct {
	Name   string
	Values map[int64]string
}

// Probe is a whole probe, resolved for one kernel.
type Probe struct {
	Name string
	// Hooks are the ends where there is a pair.
	Hooks    []Hook
	Pair     *Pair
	Keys     []Field
	Measures []Measure
	Emit     []Field
	Trigger  *Trigger
	Top      *Top
	// SampleOneIn takes one run in so many, drawn at random before anything is read; 0 and 1 take all. Counts are not scaled.
	SampleOneIn uint32
	// Entries is how many keys the map holds; what comes after is counted as "other".
	Entries int
	// Stacks tells that a stack is taken: how many different ones are kept.
	Stacks int
	Budget Budget
	TTL    time.Duration
	// Raw tells that a member outside the views was used, which needs a permission of its own.
	Raw     bool
	Sources []Source
	Enums   map[string]Enum
}
