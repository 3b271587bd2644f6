// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"net/netip"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/controller/detect"
	"github.com/aeolus-ebpf/aeolus/internal/controller/history"
	"github.com/aeolus-ebpf/aeolus/internal/controller/store/archive"
	"github.com/aeolus-ebpf/aeolus/internal/graph"
	"github.com/aeolus-ebpf/aeolus/internal/model"
)

// Event is an event with the edge that it happened on.
type Event struct {
	ID         string
	Time       time.Time
	Kind       model.EventKind
	Edge       *graph.Edge
	Client     netip.AddrPort
	Server     netip.AddrPort
	Reporter   string
	Node       string
	PID        uint32
	Process    string
	Text       string
	Latency    time.Duration
	Attributes map[string]string
}

// row is the event as it is kept.
func (e *Event) row() archive.Event {
	return archive.Event{
		ID: e.ID, Time: e.Time, Kind: e.Kind, Edge: e.Edge.ID, ClientWorkload: history.Workload(e.Edge.Client),
		ServerWorkload: history.Workload(e.Edge.Server), Client: e.Client, Server: e.Server, Reporter: e.Reporter, Node: e.Node,
		PID: e.PID, Process: e.Process, Latency: e.Latency, Attributes: e.Attributes, Text: e.Text, Own: e.Edge.Own,
	}
}

// Anomaly is an anomaly with the edge that it is about, and what to say of it.
type Anomaly struct {
	detect.Anomaly
	// On is nil for what is on no edge. For what an earlier run found it holds the names of the ends and nothing else.
	On      *graph.Edge
	Summary string
	// Key is the same for what is wrong in the same way at the same place.
	Key string
	// Subject and Labels are a rule's: the labels of its alert, as text too.
	Subject string
	Labels  map[string]string
	// Unconfirmed: it was open when the controller was started anew, and no detector has found it again yet.
	Unconfirmed bool
	// Acknowledgement is nil while nobody has acknowledged it.
	Acknowledgement *Acknowledgement
}

// Acknowledgement says that somebody has seen an anomaly.
type Acknowledgement struct {
	// Who says so: as given, not verified.
	Who, Comment string
	At           time.Time
	// Until is zero where it holds for as long as the anomaly lasts.
	Until time.Time
}

// Acknowledged tells whether somebody has seen the anomaly, so that nobody need be told of it again.
func (a *Anomaly) Acknowledged(now time.Time) bool {
	return a.Acknowledgement != nil && (a.Acknowledgement.Until.IsZero() || now.Before(a.Acknowledgement.Until))
}

// latest holds the last so many values, oldest first.
type latest[T any] struct {
	items []T
	next  int
	max   int
}

func (h *latest[T]) add(item T) {
	if len(h.items) < h.max {
		h.items = append(h.items, item)
		return
	}
	h.items[h.next] = item
	h.next = (h.next + 1) % h.max
}

// each gives the values, oldest first, until the function returns false.
func (h *latest[T]) each(visit func(T) bool) {
	for i := range h.items {
		if !visit(h.items[(h.next+i)%len(h.items)]) {
			return
		}
	}
}
