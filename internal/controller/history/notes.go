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
		add(r, func(w *rows) *[]archive.Edge { return &w.edges }, edgeRow(edge, sum, from, until))
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
			add(r, func(w *rows) *[]archive.Instance { return &w.instances }, archive.Instance{
				From: at, Length: minute, Workload: Workload(node), Own: node.Own, Instance: *instance,
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
	row, changed := flowRow(c, now)
	r.changes.Remove(c)
	n := &c.Noted
	first := n.Until.IsZero()
	n.Sent, n.Received = max(n.Sent, c.Sent), max(n.Received, c.Received)
	n.Segments, n.Retransmits = max(n.Segments, c.Segments), max(n.Retransmits, c.Retransmits)
	n.ResetsSent, n.ResetsReceived = max(n.ResetsSent, c.ResetsSent), max(n.ResetsReceived, c.ResetsReceived)
	n.Until, n.Since = row.To, time.Time{}
	if n.Until.Before(now) && !c.Ended {
		n.Until = now
	}
	if !first && !changed && n.Over {
		return
	}
	n.Over = c.Ended
	add(r, func(w *rows) *[]archive.Flow { return &w.flows }, row)
}

// flowRow is what a connection did that has not been written down, and whether it carried anything.
func flowRow(c *graph.Connection, now time.Time) (archive.Flow, bool) {
	n := &c.Noted
	row := archive.Flow{
		Connection: c.ID, Edge: c.Edge.ID, From: n.Since, To: now, Client: Workload(c.Edge.Client), Server: Workload(c.Edge.Server),
		ClientSide: c.Client, ServerSide: c.Server, State: c.State, Failure: c.Failure, Own: c.Edge.Own, Adopted: c.Adopted,
		Opened: c.Opened, Closed: c.Closed,
		Sent: grown(c.Sent, n.Sent), Received: grown(c.Received, n.Received),
		Segments: grown(c.Segments, n.Segments), Retransmits: grown(c.Retransmits, n.Retransmits),
		ResetsSent: grown(c.ResetsSent, n.ResetsSent), ResetsReceived: grown(c.ResetsReceived, n.ResetsReceived),
		SmoothedRTT: c.SmoothedRTT, MinRTT: c.MinRTT, Handshake: c.Handshake,
	}
	if c.Ended && !c.Closed.IsZero() && c.Closed.Before(now) {
		row.To = c.Closed
	}
	if row.To.Before(row.From) {
		row.To = row.From
	}
	changed := row.Sent|row.Received|row.Segments|row.Retransmits != 0 || row.ResetsSent|row.ResetsReceived != 0
	return row, changed
}

func grown[T uint32 | uint64](now, before T) T {
	if now < before {
		return 0
	}
	return now - before
}

// Event writes down an event.
func (r *Recorder) Event(event archive.Event) {
	add(r, func(w *rows) *[]archive.Event { return &w.events }, event)
}

// Pending gives what has not been written down yet of the connections that have changed, as rows that end now.
func (r *Recorder) Pending(now time.Time, visit func(*archive.Flow)) {
	r.changes.Each(func(c *graph.Connection) bool {
		row, _ := flowRow(c, now)
		visit(&row)
		return true
	})
}
