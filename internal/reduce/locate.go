// SPDX-License-Identifier: Apache-2.0

package reduce

import (
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/graph"
	"github.com/aeolus-ebpf/aeolus/internal/model"
)

// Located says where an event belongs.
type Located struct {
	Edge *graph.Edge
	// First is unset when the other side has reported the same thing already.
	First bool
	Role  model.Role
}

// Locate finds the edge that an event happened on. The edge learns the port from it: the first row may come seconds later.
func (r *Reducer) Locate(event *model.Event, now time.Time) Located {
	located := r.locate(event, now)
	server := event.Remote
	if located.Role == model.RoleServer {
		server = event.Local
	}
	located.Edge.AddPort(server.Port())
	return located
}

func (r *Reducer) locate(event *model.Event, now time.Time) Located {
	h := &half{
		key: halfKey{event.Node, event.Cookie}, local: unmapped(event.Local), remote: unmapped(event.Remote),
		role: event.Role, start: event.Time, own: event.Own || event.Endpoint.Own, netns: event.Endpoint.NetNS,
	}
	h.who = r.graph.Workload(event.Endpoint, h.local.Addr(), now)
	known := r.halves[h.key]
	if known != nil && (known.local != h.local || known.remote != h.remote) {
		known = nil
	}
	switch {
	case known != nil:
		h.role = known.role
	case h.role == model.RoleUnknown, h.role == model.RoleClient && event.Kind == model.EventReset:
		h.role = r.roleOf(&model.Flow{}, h)
	}
	located := Located{First: true, Role: h.role}
	if event.Kind == model.EventReset {
		located.First = r.resets.first(recentKey{h.joinKey(), h.serverAddress().Port()}, event.Time, 2*time.Second)
	}
	if known != nil {
		if known.joined.edge != nil {
			located.Edge = known.joined.edge
			return located
		}
		h = known
	}
	j := h.joined
	if j == nil {
		j = &joined{}
		if h.role == model.RoleServer {
			j.server = h
		} else {
			j.client = h
		}
		r.lookAcross(j, h)
	}
	client, server := r.ends(j, now)
	located.Edge = r.graph.Edge(client, server, j.own(), now)
	return located
}

// lookAcross finds the other half of a connection of which only an event is known.
func (r *Reducer) lookAcross(j *joined, h *half) {
	for at := r.index[h.joinKey()]; at != nil; at = at.next {
		if at.gone {
			continue
		}
		if h.role != model.RoleServer && at.server != nil && at.server.local == h.remote {
			j.server = at.server
			return
		}
		if h.role == model.RoleServer && at.client != nil && at.client.remote == h.local {
			j.client = at.client
			return
		}
	}
}
