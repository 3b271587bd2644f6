// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"net/netip"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/controller/detect"
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

// Anomaly is an anomaly with the edge that it is about, and what to say of it.
type Anomaly struct {
	detect.Anomaly
	On      *graph.Edge
	Summary string
}

// history holds the last so many values, oldest first.
type history[T any] struct {
	items []T
	next  int
	max   int
}

func (h *history[T]) add(item T) {
	if len(h.items) < h.max {
		h.items = append(h.items, item)
		return
	}
	h.items[h.next] = item
	h.next = (h.next + 1) % h.max
}

// each gives the values, oldest first, until the function returns false.
func (h *history[T]) each(visit func(T) bool) {
	for i := range h.items {
		if !visit(h.items[(h.next+i)%len(h.items)]) {
			return
		}
	}
}
