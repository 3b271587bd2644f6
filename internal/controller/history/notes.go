// SPDX-License-Identifier: Apache-2.0

package history

import (
	"slices"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/controller/store/archive"
	"github.com/aeolus-ebpf/aeolus/internal/graph"
)

// edges writes down what edges did up to a second.
func (r *Recorder) edges(g *graph.Graph, until int64, open bool) {
	from := g.Taken()
	if from >= until {
		// The clock was put back: what came meanwhile counts into the stretch in which it came.
		from = until - int64(Stretch/time.Second)
	}
	g.Take(until, open, func(edge *graph.Edge, sum *graph.Bucket) {
		add(r, func(w *rows) *[]archive.Edge { return &w.edges }, func(row *archive.Edge) { *row = edgeRow(edge, sum, from, until) })
	})
}

func edgeRow(edge *graph.Edge, sum *graph.Bucket, from, until int64) archive.Edge {
	return archive.Edge{
		ID: edge.ID, From: time.Unix(from, 0).UTC(), Length: time.Duration(until-from) * time.Second,
		Client: Workload(edge.Client), Server: Workload(edge.Server), Own: edge.Own, Ports: slices.Clone(edge.Ports),
		ByClient: edge.ClientReports, ByServer: edge.ServerReports, Bucket: *sum,
	}
}

// Workload is a node as rows name it.
func Workload(n *graph.Node) archive.Workload {
	return archive.Workload{ID: n.ID, Namespace: n.Namespace, Name: n.Name, Kind: n.Kind, External: n.External}
}

// stillThere is for how long an instance counts as there after it was last heard of: agents describe what is quiet at
// least that often.
const stillThere = 2 * time.Minute

// instances writes down every instance once a minute, and new ones at once.
func (r *Recorder) instances(g *graph.Graph, boundary int64) {
	if minutes := aligned(boundary, minute); minutes != r.minutes {
		r.minutes = minutes
		clear(r.noted)
	}
	at := time.Unix(boundary, 0).UTC()
	for _, node := range g.Nodes() {
		for _, instance := range node.Instances {
			if at.Sub(instance.LastSeen) > stillThere {
				continue
			}
			if _, ok := r.noted[instance]; ok {
				continue
			}
			r.noted[instance] = struct{}{}
			add(r, func(w *rows) *[]archive.Instance { return &w.instances }, func(row *archive.Instance) {
				*row = archive.Instance{From: at, Length: minute, Workload: Workload(node), Own: node.Own, Instance: *instance}
			})
		}
	}
}

// Connection notes that a connection has opened, changed or ended.
func (r *Recorder) Connection(c *graph.Connection, now time.Time) {
	if c.Noted.Since.IsZero() {
		c.Noted.Since = since(c, now)
	}
	if c.Ended {
		r.flow(c, now)
		return
	}
	r.changes.Add(c)
}

// since is when a connection began to do what has not been written down: at its opening, or else within the second
// before it is told.
func since(c *graph.Connection, now time.Time) time.Time {
	begun := now.Add(-time.Second)
	if c.Noted.Until.IsZero() && !c.Opened.IsZero() && c.Opened.Before(begun) {
		begun = c.Opened
	}
	if begun.Before(c.Noted.Until) {
		begun = c.Noted.Until
	}
	if oldest := now.Add(-minute); begun.Before(oldest) {
		begun = oldest
	}
	return begun
}

// Gone writes down the rest of a connection of which no more will be heard.
func (r *Recorder) Gone(c *graph.Connection, now time.Time) {
	if c.Noted.Since.IsZero() {
		return
	}
	r.flow(c, now)
}

// flowsDue writes down the connections that have waited for a minute.
func (r *Recorder) flowsDue(now time.Time) {
	for c := r.changes.Oldest(); c != nil; c = r.changes.Oldest() {
		waited := now.Sub(c.Noted.Since)
		if waited < minute-time.Second && waited > -minute {
			return
		}
		r.flow(c, now)
	}
}

// flow writes down what a connection did since the last time.
func (r *Recorder) flow(c *graph.Connection, now time.Time) {
	r.changes.Remove(c)
	n := &c.Noted
	to := ending(c, now)
	if changed := c.Sent > n.Sent || c.Received > n.Received || c.Segments > n.Segments || c.Retransmits > n.Retransmits ||
		c.ResetsSent > n.ResetsSent || c.ResetsReceived > n.ResetsReceived; changed || !n.Over {
		add(r, func(w *rows) *[]archive.Flow { return &w.flows }, func(row *archive.Flow) { fillFlow(row, c, to) })
	}
	n.Over = c.Ended
	n.Sent, n.Received = max(n.Sent, c.Sent), max(n.Received, c.Received)
	n.Segments, n.Retransmits = max(n.Segments, c.Segments), max(n.Retransmits, c.Retransmits)
	n.ResetsSent, n.ResetsReceived = max(n.ResetsSent, c.ResetsSent), max(n.ResetsReceived, c.ResetsReceived)
	n.Until, n.Since = to, time.Time{}
}

// ending is when what is written down of a connection ends.
func ending(c *graph.Connection, now time.Time) time.Time {
	to := now
	if c.Ended && !c.Closed.IsZero() && c.Closed.Before(now) {
		to = c.Closed
	}
	if to.Before(c.Noted.Since) {
		to = c.Noted.Since
	}
	return to
}

// fillFlow makes a row of what a connection did that has not been written down.
func fillFlow(row *archive.Flow, c *graph.Connection, to time.Time) {
	n, edge := &c.Noted, c.Edge
	row.Connection, row.Edge, row.From, row.To = c.ID, edge.ID, n.Since, to
	row.Client, row.Server = Workload(edge.Client), Workload(edge.Server)
	row.ClientSide, row.ServerSide = c.Client, c.Server
	row.State, row.Failure, row.Own, row.Adopted = c.State, c.Failure, edge.Own, c.Adopted
	row.Opened, row.Closed = c.Opened, c.Closed
	row.Sent, row.Received = grown(c.Sent, n.Sent), grown(c.Received, n.Received)
	row.Segments, row.Retransmits = grown(c.Segments, n.Segments), grown(c.Retransmits, n.Retransmits)
	row.ResetsSent, row.ResetsReceived = grown(c.ResetsSent, n.ResetsSent), grown(c.ResetsReceived, n.ResetsReceived)
	row.SmoothedRTT, row.MinRTT, row.Handshake = c.SmoothedRTT, c.MinRTT, c.Handshake
}

func grown[T uint32 | uint64](now, before T) T {
	if now < before {
		return 0
	}
	return now - before
}

// Event writes down an event.
func (r *Recorder) Event(event archive.Event) {
	add(r, func(w *rows) *[]archive.Event { return &w.events }, func(row *archive.Event) { *row = event })
}

// Pending gives what has not been written down yet of the connections that have changed, as rows that end now.
func (r *Recorder) Pending(now time.Time, visit func(*archive.Flow)) {
	r.changes.Each(func(c *graph.Connection) bool {
		var row archive.Flow
		fillFlow(&row, c, ending(c, now))
		visit(&row)
		return true
	})
}
