// SPDX-License-Identifier: Apache-2.0

// Package sequence tells the messages of numbered senders apart: which are new, which have come before, and how many
// have not come.
package sequence

import (
	"sync"
	"time"
)

const (
	// remembered is how many of an agent's last sequence numbers are told apart.
	remembered = 1024
	maxAgents  = 4096
)

// Book knows which messages of which agent have come. It may be used by several goroutines at once.
type Book struct {
	mu     sync.Mutex
	agents map[string]*sequence
	// missing counts the numbers that were skipped and have not come since.
	missing uint64
}

type sequence struct {
	highest uint64
	seen    [remembered / 64]uint64
	heard   time.Time
}

// New makes a book that has heard of nobody.
func New() *Book { return &Book{agents: map[string]*sequence{}} }

// Verdict is what a sequence number says of its message.
type Verdict struct {
	// Fresh is unset for a message that has come before, or is too old to tell.
	Fresh bool
	// Skipped is how many numbers before this one have not come; Late, that this one had been counted among them.
	Skipped uint64
	Late    bool
}

// Take notes a sender's number, counted from 1.
func (s *Book) Take(agent string, number uint64, now time.Time) Verdict {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.agents[agent]
	if a == nil {
		s.makeRoom()
		// What came before this controller started went to another one, or to this one before a restart.
		a = &sequence{highest: number}
		a.mark(number)
		a.heard = now
		s.agents[agent] = a
		return Verdict{Fresh: true}
	}
	a.heard = now
	switch {
	case number > a.highest:
		skipped := number - a.highest - 1
		a.advance(number)
		s.missing += skipped
		return Verdict{Fresh: true, Skipped: skipped}
	case a.highest-number >= remembered || a.marked(number):
		return Verdict{}
	}
	a.mark(number)
	late := s.missing > 0
	if late {
		s.missing--
	}
	return Verdict{Fresh: true, Late: late}
}

// Lost is how many batches have not come.
func (s *Book) Lost() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.missing
}

func (s *Book) makeRoom() {
	if len(s.agents) < maxAgents {
		return
	}
	var oldest string
	var least time.Time
	for id, a := range s.agents {
		if oldest == "" || a.heard.Before(least) {
			oldest, least = id, a.heard
		}
	}
	delete(s.agents, oldest)
}

// advance makes a number the highest, and forgets what falls out of the window.
func (a *sequence) advance(number uint64) {
	if number-a.highest >= remembered {
		a.seen = [remembered / 64]uint64{}
	} else {
		for n := a.highest + 1; n < number; n++ {
			a.seen[n/64%(remembered/64)] &^= 1 << (n % 64)
		}
	}
	a.highest = number
	a.mark(number)
}

func (a *sequence) mark(number uint64) {
	a.seen[number/64%(remembered/64)] |= 1 << (number % 64)
}

func (a *sequence) marked(number uint64) bool {
	return a.seen[number/64%(remembered/64)]&(1<<(number%64)) != 0
}
