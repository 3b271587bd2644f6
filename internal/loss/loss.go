// SPDX-License-Identifier: Apache-2.0

// Package loss counts what enters and leaves each stage of the pipeline, and what is dropped on the way, by cause.
//
// The contract is that nothing is lost in silence: for every stage, what came in equals what went out, plus what was
// dropped, plus what the stage still holds.
package loss

import (
	"maps"
	"sync"
	"sync/atomic"
)

// Stage is one step of the pipeline. The zero value is not usable; take one from a Ledger.
type Stage struct {
	name    string
	in, out atomic.Uint64

	mu      sync.Mutex
	dropped map[string]*atomic.Uint64
}

// In counts n records that entered the stage.
func (s *Stage) In(n uint64) { s.in.Add(n) }

// Out counts n records that left the stage for the next one.
func (s *Stage) Out(n uint64) { s.out.Add(n) }

// Drop counts n records that the stage did not pass on, and why. Reasons are short constants such as "ring-full": there
// must be a bounded number of them.
func (s *Stage) Drop(reason string, n uint64) {
	if n == 0 {
		return
	}
	s.counter(reason).Add(n)
}

// SetDropped overwrites the count of a reason that is counted elsewhere, by the kernel for example.
func (s *Stage) SetDropped(reason string, total uint64) {
	s.counter(reason).Store(total)
}

func (s *Stage) counter(reason string) *atomic.Uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, ok := s.dropped[reason]
	if !ok {
		c = new(atomic.Uint64)
		s.dropped[reason] = c
	}
	return c
}

// Count is a stage's figures at one instant. Figures are cumulative since the process started.
type Count struct {
	Stage   string
	In, Out uint64
	Dropped map[string]uint64
}

// Lost is the sum over all reasons.
func (c Count) Lost() uint64 {
	var n uint64
	for _, v := range c.Dropped {
		n += v
	}
	return n
}

// Ledger holds the stages of one process, in the order in which they were made.
type Ledger struct {
	mu     sync.Mutex
	stages []*Stage
}

// NewLedger makes an empty ledger.
func NewLedger() *Ledger { return new(Ledger) }

// Stage returns the stage of that name, made if it is new.
func (l *Ledger) Stage(name string) *Stage {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.stages {
		if s.name == name {
			return s
		}
	}
	s := &Stage{name: name, dropped: map[string]*atomic.Uint64{}}
	l.stages = append(l.stages, s)
	return s
}

// Counts reads every stage.
func (l *Ledger) Counts() []Count {
	l.mu.Lock()
	stages := append([]*Stage(nil), l.stages...)
	l.mu.Unlock()
	counts := make([]Count, 0, len(stages))
	for _, s := range stages {
		counts = append(counts, s.count())
	}
	return counts
}

func (s *Stage) count() Count {
	c := Count{Stage: s.name, In: s.in.Load(), Out: s.out.Load()}
	s.mu.Lock()
	defer s.mu.Unlock()
	c.Dropped = make(map[string]uint64, len(s.dropped))
	for reason, n := range maps.All(s.dropped) {
		c.Dropped[reason] = n.Load()
	}
	return c
}
