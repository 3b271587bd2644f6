// SPDX-License-Identifier: Apache-2.0

package graph

import (
	"slices"
	"time"
)

// maxPorts bounds the server ports that are remembered for one edge.
const maxPorts = 8

// Edge is the traffic from one workload to another.
type Edge struct {
	ID             string
	Client, Server *Node
	Own            bool
	// Ports of the server, lowest first.
	Ports []uint16
	// Which sides have reported.
	ClientReports, ServerReports bool
	FirstSeen, LastSeen          time.Time
	// Open is how many connections are open now.
	Open int64

	ring  ring
	fresh Bucket
	// late is what came for seconds that had been taken already; takenOpen is what Open was then.
	late      Bucket
	takenOpen int64
}

// Reporter says whose half of the edge is reported.
func (e *Edge) Reporter() string {
	switch {
	case e.ClientReports && e.ServerReports:
		return "both"
	case e.ServerReports:
		return "server"
	}
	return "client"
}

// AddPort notes a port of the server.
func (e *Edge) AddPort(port uint16) {
	i, found := slices.BinarySearch(e.Ports, port)
	if found || port == 0 || i == maxPorts {
		return
	}
	if len(e.Ports) == maxPorts {
		e.Ports = e.Ports[:maxPorts-1]
	}
	e.Ports = slices.Insert(e.Ports, i, port)
}

// TakeFresh gives what was added since it was last asked for.
func (e *Edge) TakeFresh() Bucket {
	fresh := e.fresh
	e.fresh = Bucket{}
	fresh.Open = int32(e.Open)
	return fresh
}

// Seconds gives what happened from one second up to and with another; seconds in which nothing happened are absent.
func (e *Edge) Seconds(from, to int64) []Bucket { return e.ring.between(from, to) }

// OpenAt is the number of connections that were open at the end of a second, and whether that is known.
func (e *Edge) OpenAt(second int64) (int64, bool) {
	b := e.ring.before(second)
	if b == nil {
		return 0, false
	}
	return int64(b.Open), true
}

// Over adds up the window that ended with a second, and says how many seconds of it the edge was known for.
func (e *Edge) Over(end, length int64) (Bucket, int64) {
	var sum Bucket
	seconds := e.ring.between(end-length+1, end)
	for i := range seconds {
		sum.Add(&seconds[i])
	}
	known := min(length, end-e.FirstSeen.Unix()+1)
	return sum, max(known, 1)
}
