// SPDX-License-Identifier: Apache-2.0

package reduce

import (
	"github.com/aeolus-ebpf/aeolus/internal/graph"
	"github.com/aeolus-ebpf/aeolus/internal/model"
)

// joined is a connection with one or both of its halves, and what of it has been added to the graph already.
type joined struct {
	client, server *half
	edge           *graph.Edge
	// record is listed for longer than the rest is of use.
	record *graph.Connection
	// The next connection from the same client address and port.
	next *joined
	key  joinKey
	// Place in the order of those that wait, or of those that linger.
	queued bool
	gone   bool

	counted counted
}

// counted is what of a connection the graph holds.
type counted struct {
	opened, established, closed, failed, handshake bool

	sent, received, segments uint64
	clientSent, serverSent   uint64
	clientAgain, serverAgain uint64
}

// alone gives the only half, or nil when there are two.
func (j *joined) alone() *half {
	switch {
	case j.client == nil:
		return j.server
	case j.server == nil:
		return j.client
	}
	return nil
}

func (j *joined) own() bool {
	return (j.client != nil && j.client.own) || (j.server != nil && j.server.own)
}

// judge is the half that says when the connection was established and closed: the server's where there is one.
func (j *joined) judge() *half {
	if j.server != nil {
		return j.server
	}
	return j.client
}

// failure is why the connection failed; about connects the client knows best.
func (j *joined) failure() model.Failure {
	if j.client != nil && j.client.failure != model.FailureNone {
		return j.client.failure
	}
	if j.server != nil {
		return j.server.failure
	}
	return model.FailureNone
}

// decided tells whether the connection need not wait for its other half: it failed before there could be one.
func (j *joined) decided() bool {
	h := j.alone()
	return h == nil || (h.role != model.RoleServer && h.closed && !h.live())
}

// ended tells whether nothing more can come.
func (j *joined) ended() bool {
	return (j.client == nil || j.client.closed) && (j.server == nil || j.server.closed)
}

// totals gives what the connection has carried since it was opened or adopted, by the server's half where it exists.
func (j *joined) totals() (sent, received uint64) {
	if j.server != nil {
		return j.server.total.ReceivedBytes, j.server.total.SentBytes
	}
	return j.client.total.SentBytes, j.client.total.ReceivedBytes
}

// segments gives the segments of both directions; each by its sender where that reports.
func (j *joined) segments() uint64 {
	switch {
	case j.client == nil:
		return j.server.total.SentSegments + j.server.total.ReceivedSegments
	case j.server == nil:
		return j.client.total.SentSegments + j.client.total.ReceivedSegments
	}
	return j.client.total.SentSegments + j.server.total.SentSegments
}

// delta gives what the graph does not hold yet, and takes it as held.
func (j *joined) delta() graph.Delta {
	d := graph.Delta{ByClient: j.client != nil, ByServer: j.server != nil}
	j.countLife(&d)
	c := &j.counted
	sent, received := j.totals()
	d.Sent, c.sent = grown(sent, c.sent)
	d.Received, c.received = grown(received, c.received)
	d.Segments, c.segments = grown(j.segments(), c.segments)
	if j.client != nil {
		j.countSegments(&d, j.client, &c.clientSent, &c.clientAgain)
		if j.client.handshake > 0 && !c.handshake {
			d.AddHandshake(j.client.handshake)
			c.handshake = true
		}
	}
	if j.server != nil {
		j.countSegments(&d, j.server, &c.serverSent, &c.serverAgain)
	}
	d.Port = j.judge().serverAddress().Port()
	if j.client != nil {
		d.Port = j.client.remote.Port()
	}
	return d
}

func (j *joined) countLife(d *graph.Delta) {
	c := &j.counted
	judge := j.judge()
	opened := (j.client != nil && j.client.opened) || (j.client == nil && judge.established)
	open := opened || judge.live()
	if opened && !c.opened {
		d.Opens = 1
	}
	if judge.established && !c.established {
		d.Established = 1
		c.established = true
	}
	if open && !c.opened {
		d.OpenBy++
		c.opened = true
	}
	if judge.closed && !c.closed {
		if c.opened {
			d.OpenBy--
			d.Closes = 1
		}
		c.closed = true
	}
	if failure := j.failure(); failure != model.FailureNone && !c.failed {
		d.Failures[failure] = 1
		c.failed = true
	}
}

func (j *joined) countSegments(d *graph.Delta, h *half, sent, again *uint64) {
	var segments, retransmits uint64
	segments, *sent = grown(h.total.SentSegments, *sent)
	retransmits, *again = grown(h.total.Retransmits, *again)
	d.SentSegments += segments
	d.Retransmits += retransmits
	if !j.judge().live() {
		d.ConnectRetransmits += uint32(retransmits)
	}
	if segments > 0 {
		d.AddRoundTrip(h.smoothed, h.minimum, segments)
	}
}

// grown gives by how much a counter has grown, and what it is now; one that went back has not grown.
func grown(now, before uint64) (uint64, uint64) {
	if now <= before {
		return 0, before
	}
	return now - before, now
}

// rebase makes the counts of two halves comparable when one of them is older than its agent and knows only what came
// after: what was counted stays, and counting goes on from what the halves say now.
func (j *joined) rebase() {
	c := &j.counted
	c.sent, c.received = j.totals()
	c.segments = j.segments()
}

// refresh brings the record that is listed up to date.
func (j *joined) refresh() {
	r := j.record
	r.Edge = j.edge
	r.Ended = j.ended()
	judge := j.judge()
	r.Sent, r.Received = j.totals()
	r.Segments = j.segments()
	r.Failure = j.failure()
	r.Retransmits, r.ResetsSent, r.ResetsReceived = 0, 0, 0
	for _, h := range [...]*half{j.server, j.client} {
		if h == nil {
			continue
		}
		r.Retransmits += h.total.Retransmits
		if h.smoothed > 0 {
			r.SmoothedRTT = h.smoothed
		}
		if h.minimum > 0 && (r.MinRTT == 0 || h.minimum < r.MinRTT) {
			r.MinRTT = h.minimum
		}
		r.Handshake = max(r.Handshake, h.handshake)
		r.Adopted = r.Adopted || h.adopted
		r.ResetsSent = max(r.ResetsSent, h.total.ResetsSent)
		r.ResetsReceived = max(r.ResetsReceived, h.total.ResetsReceived)
		if !h.start.IsZero() {
			r.Opened = h.start
		}
		side := &r.Server
		if h == j.client {
			side = &r.Client
		}
		// Most often it is as it was, and to look costs less than to write.
		if now := (graph.Side{
			Reported: true, Node: h.key.node, Local: h.local, Remote: h.remote, PID: h.pid, Process: h.process,
		}); *side != now {
			*side = now
		}
	}
	switch {
	case judge.closed:
		r.State, r.Closed = model.PhaseClosed, judge.end
	case judge.live():
		r.State = model.PhaseEstablished
	default:
		r.State = model.PhaseOpening
	}
}
