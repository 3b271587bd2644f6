// SPDX-License-Identifier: Apache-2.0

package graph

import (
	"net/netip"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/model"
)

// Side is what one reporting side says of a connection.
type Side struct {
	Reported      bool
	Node          string
	Local, Remote netip.AddrPort
	PID           uint32
	Process       string
}

// Connection is a connection as both its sides together tell it.
type Connection struct {
	ID             string
	Edge           *Edge
	Client, Server Side
	State          model.Phase
	Failure        model.Failure
	Adopted        bool
	Opened, Closed time.Time
	// Payload from client to server, and back.
	Sent, Received                 uint64
	Segments, Retransmits          uint64
	ResetsSent, ResetsReceived     uint32
	SmoothedRTT, MinRTT, Handshake time.Duration

	// Ended: every half that is known has ended.
	Ended bool
	// Noted is what somebody who writes connections down has written of this one.
	Noted Noted

	// listed among the open, or among those that ended.
	listed, ended bool
}

// ClientAddress is the client's address as it sees itself, or else as the server sees it.
func (c *Connection) ClientAddress() netip.AddrPort {
	if c.Client.Reported {
		return c.Client.Local
	}
	return c.Server.Remote
}

// ServerAddress is the server's address as the client sees it, or else as it sees itself.
func (c *Connection) ServerAddress() netip.AddrPort {
	if c.Client.Reported {
		return c.Client.Remote
	}
	return c.Server.Local
}

// Translated is the server's own address where it is another than the one that the client connected to.
func (c *Connection) Translated() (netip.AddrPort, bool) {
	if !c.Client.Reported || !c.Server.Reported || c.Client.Remote == c.Server.Local {
		return netip.AddrPort{}, false
	}
	return c.Server.Local, true
}

// Reporter says whose halves were seen.
func (c *Connection) Reporter() string {
	switch {
	case c.Client.Reported && c.Server.Reported:
		return "both"
	case c.Server.Reported:
		return "server"
	}
	return "client"
}

// Table holds connections that can be listed: those that are open, and the last that ended.
type Table struct {
	open      map[*Connection]struct{}
	closed    []*Connection
	next      int
	maxOpen   int
	maxClosed int
	unlisted  uint64
}

func newTable(maxOpen, maxClosed int) *Table {
	return &Table{open: map[*Connection]struct{}{}, maxOpen: maxOpen, maxClosed: maxClosed}
}

// Put lists an open connection, where there is room for it.
func (t *Table) Put(c *Connection) {
	if c.listed {
		return
	}
	if len(t.open) >= t.maxOpen {
		t.unlisted++
		return
	}
	c.listed = true
	t.open[c] = struct{}{}
}

// Close moves a connection to those that ended, in place of the one that ended first. Its halves may say so one by one:
// it moves once.
func (t *Table) Close(c *Connection) {
	if c.ended {
		return
	}
	delete(t.open, c)
	c.listed, c.ended = true, true
	if len(t.closed) < t.maxClosed {
		t.closed = append(t.closed, c)
		return
	}
	t.closed[t.next] = c
	t.next = (t.next + 1) % t.maxClosed
}

// Drop forgets a connection.
func (t *Table) Drop(c *Connection) { delete(t.open, c) }

// Open is the number of open connections that are listed; those beyond the bound are counted by Unlisted.
func (t *Table) Open() int { return len(t.open) }

// Unlisted counts the connections that found no room.
func (t *Table) Unlisted() uint64 { return t.unlisted }

// Each gives every listed connection to a function, open ones first, until that returns false.
func (t *Table) Each(closed bool, visit func(*Connection) bool) {
	for c := range t.open {
		if !visit(c) {
			return
		}
	}
	if !closed {
		return
	}
	for i := range t.closed {
		if !visit(t.closed[(t.next+i)%len(t.closed)]) {
			return
		}
	}
}
