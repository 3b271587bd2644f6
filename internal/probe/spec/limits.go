// SPDX-License-Identifier: Apache-2.0

package spec

import "time"

// The defaults of what a probe need not say.
const (
	// DefaultTTL is after how long a probe ends by itself.
	DefaultTTL = 10 * time.Minute
	// DefaultEntries is how many keys are kept.
	DefaultEntries = 1000
	// DefaultWithin is a trigger's window.
	DefaultWithin = time.Second
	// DefaultEvery is how often an iterator walks.
	DefaultEvery = time.Second
	// DefaultPairEntries is how many starts may wait for their end, DefaultLongest for how long.
	DefaultPairEntries = 10_000
	DefaultLongest     = time.Minute
	// DefaultCPU is a share of one processor in millionths, DefaultMemory bytes of maps, DefaultEvents events a second.
	DefaultCPU    = 10_000
	DefaultMemory = 4 << 20
	DefaultEvents = 100
)

// The hard limits: nothing that is written here may pass them, whatever the budget.
const (
	// LongestDocument is bytes; a larger one is not read.
	LongestDocument = 64 << 10
	// LongestExpression and LongestText are characters.
	LongestExpression = 4096
	LongestText       = 256
	LongestName       = 63

	MostHooks      = 16
	MostBy         = 8
	MostMeasures   = 16
	MostEmit       = 32
	MostKeep       = 16
	MostLabels     = 32
	MostEntries    = 1_000_000
	MostTop        = 1000
	LargestSample  = 1_000_000
	LongestTTL     = 7 * 24 * time.Hour
	ShortestTTL    = time.Second
	LongestWithin  = time.Hour
	ShortestWithin = 10 * time.Millisecond
	LongestEvery   = time.Hour
	ShortestEvery  = 100 * time.Millisecond
	LongestPair    = time.Hour
	ShortestPair   = time.Millisecond
	// MostCPU is a share of one processor in millionths: a quarter.
	MostCPU    = 250_000
	LeastCPU   = 100
	MostMemory = 64 << 20
	// LeastMemory holds the smallest probe.
	LeastMemory = 16 << 10
	MostEvents  = 10_000
)

// mostProblems is how many problems of one document are told.
const mostProblems = 20
