// SPDX-License-Identifier: Apache-2.0

package graph

import "time"

// Noted is what of a connection has been written down, so that the next time only the rest is.
type Noted struct {
	Sent, Received, Segments, Retransmits uint64
	ResetsSent, ResetsReceived            uint32
	// Over: its end has been written down.
	Over bool
	// Until is when it was last written down; Since is when it first changed after that, zero where it has not.
	Until, Since time.Time

	listed       bool
	older, newer *Connection
}

// Changes lists connections that have changed since they were written down, in the order in which they first did.
type Changes struct {
	oldest, newest *Connection
	count          int
}

// Len is how many are listed.
func (l *Changes) Len() int { return l.count }

// Oldest is the one that changed first; nil where none has.
func (l *Changes) Oldest() *Connection { return l.oldest }

// Add lists a connection, unless it is listed already.
func (l *Changes) Add(c *Connection) {
	if c.Noted.listed {
		return
	}
	c.Noted.listed, c.Noted.older = true, l.newest
	if l.newest != nil {
		l.newest.Noted.newer = c
	} else {
		l.oldest = c
	}
	l.newest = c
	l.count++
}

// Remove takes a connection off the list, if it is on it.
func (l *Changes) Remove(c *Connection) {
	n := &c.Noted
	if !n.listed {
		return
	}
	if n.older != nil {
		n.older.Noted.newer = n.newer
	} else {
		l.oldest = n.newer
	}
	if n.newer != nil {
		n.newer.Noted.older = n.older
	} else {
		l.newest = n.older
	}
	n.listed, n.older, n.newer = false, nil, nil
	l.count--
}

// Each gives the listed connections, those that changed first first, until the function returns false.
func (l *Changes) Each(visit func(*Connection) bool) {
	for c := l.oldest; c != nil; c = c.Noted.newer {
		if !visit(c) {
			return
		}
	}
}
