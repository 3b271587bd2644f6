// SPDX-License-Identifier: Apache-2.0

package edgesconnector

import (
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/aeolus-ebpf/aeolus/internal/graph"
	"github.com/aeolus-ebpf/aeolus/internal/model"
	"github.com/aeolus-ebpf/aeolus/internal/names"
)

// The slots of an edge; failures follow, one for each reason.
const (
	slotOpened = iota
	slotEstablished
	slotClosed
	slotOpen
	slotSent
	slotReceived
	slotSegments
	slotSentSegments
	slotRetransmitted
	slotFailures
)

// The histograms of an edge.
const (
	histogramRTT = iota
	histogramHandshake
)

func edgeFamily() *family {
	var b familyBuilder
	b.number(names.EdgeOpened, "", "", true)
	b.number(names.EdgeEstablished, "", "", true)
	b.number(names.EdgeClosed, "", "", true)
	b.number(names.EdgeOpen, "", "", true)
	b.number(names.EdgeIO, names.Direction, "sent", true)
	b.number(names.EdgeIO, names.Direction, "received", true)
	b.number(names.EdgeSegments, "", "", true)
	b.number(names.EdgeSent, "", "", true)
	b.number(names.EdgeRetransmitted, "", "", true)
	for failure := model.FailureNone + 1; failure <= model.FailureNeverSent; failure++ {
		b.number(names.EdgeFailures, names.Reason, failure.String(), false)
	}
	b.histogram(names.EdgeRTT)
	b.histogram(names.EdgeHandshake)
	return &b.family
}

// edges are the series of the preset aeolus.
type edges struct {
	*table
	// The group that was added to last: rows of one edge often follow each other.
	last  *graph.Edge
	group *group
	// over are the edges that found no room. They stay in the other's series even once there is room, because that is where
	// their open connections are counted.
	over map[string]struct{}
}

func newEdges(limit int) *edges {
	return &edges{table: newTable(edgeFamily(), limit), over: map[string]struct{}{}}
}

// beyond tells whether an edge stands for all that the graph has no room for.
func beyond(edge *graph.Edge) bool { return edge.Client.Other && edge.Server.Other }

func edgePlace(edge *graph.Edge) *place {
	p := &place{key: edge.ID, other: names.OtherEdge}
	if beyond(edge) {
		p.key = names.OtherEdge
	}
	p.describe = func(to pcommon.Map, beyond bool) { describeEdge(to, edge, beyond) }
	return p
}

func describeEdge(to pcommon.Map, edge *graph.Edge, beyond bool) {
	to.EnsureCapacity(6)
	if beyond {
		to.PutStr(names.Edge, names.OtherEdge)
		to.PutStr(names.SourceNamespace, "")
		to.PutStr(names.SourceWorkload, names.OtherEdge)
		to.PutStr(names.DestinationNamespace, "")
		to.PutStr(names.DestinationWorkload, names.OtherEdge)
		return
	}
	to.PutStr(names.Edge, edge.ID)
	to.PutStr(names.SourceNamespace, edge.Client.Namespace)
	to.PutStr(names.SourceWorkload, edge.Client.Name)
	to.PutStr(names.DestinationNamespace, edge.Server.Namespace)
	to.PutStr(names.DestinationWorkload, edge.Server.Name)
}

func (e *edges) add(edge *graph.Edge, d *graph.Delta, now time.Time) {
	g := e.group
	if edge != e.last || g == nil {
		g = e.find(edge, now)
		e.last, e.group = edge, g
	}
	g.touched = now
	n := g.numbers
	n[slotOpened].add(uint64(d.Opens))
	n[slotEstablished].add(uint64(d.Established))
	n[slotClosed].add(uint64(d.Closes))
	n[slotSent].add(d.Sent)
	n[slotReceived].add(d.Received)
	n[slotSegments].add(d.Segments)
	n[slotSentSegments].add(d.SentSegments)
	n[slotRetransmitted].add(d.Retransmits)
	for failure := model.FailureNone + 1; failure <= model.FailureNeverSent; failure++ {
		if count := d.Failures[failure]; count > 0 {
			n[slotFailures+int(failure)-1].add(uint64(count))
		}
	}
	g.open += d.OpenBy
	n[slotOpen].value = uint64(max(g.open, 0))
	for _, reading := range d.RoundTrips() {
		g.histograms[histogramRTT].observe(reading)
	}
	if d.HandshakeCount > 0 {
		g.histograms[histogramHandshake].observe(d.HandshakeSum)
	}
	e.mark(g)
}

// find gives the group of an edge.
func (e *edges) find(edge *graph.Edge, now time.Time) *group {
	if g := e.groups[edge.ID]; g != nil {
		return g
	}
	p := edgePlace(edge)
	if _, over := e.over[edge.ID]; over {
		p.key = p.other
	}
	g := e.at(p, now)
	if g.key == names.OtherEdge {
		e.over[edge.ID] = struct{}{}
	}
	return g
}

// forget drops what was kept at hand, because its group may have ended, and the edges that the graph does not know any
// more: they have no open connections.
func (e *edges) forget(known map[string]*graph.Edge) {
	e.last, e.group = nil, nil
	for id := range e.over {
		if known[id] == nil {
			delete(e.over, id)
		}
	}
}
