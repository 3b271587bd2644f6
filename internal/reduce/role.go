// SPDX-License-Identifier: Apache-2.0

package reduce

import (
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/graph"
	"github.com/aeolus-ebpf/aeolus/internal/model"
)

// certain tells whether the agent knows the role, and has not taken it from what it found: who accepted is a server, who
// sent a SYN, or failed to, a client. A reset proves nothing.
func certain(flow *model.Flow) bool {
	switch flow.Role {
	case model.RoleServer:
		return true
	case model.RoleClient:
		return flow.Opened || (flow.Failure != model.FailureNone && flow.Failure != model.FailureReset)
	}
	return false
}

// roleOf is the role of a half, guessed where the agent does not know it: a socket that it found may have lost the
// listener that it came from. Who has a port on which somebody listens there is a server; else the other half tells,
// else the ports do.
func (r *Reducer) roleOf(flow *model.Flow, h *half) model.Role {
	if h.certain {
		return flow.Role
	}
	if r.book.listens(h.local, h.key.node, h.netns) {
		return model.RoleServer
	}
	if r.opposite(h) != nil {
		return model.RoleServer
	}
	if h.local.Port() >= ephemeral || h.remote.Port() < ephemeral {
		return model.RoleClient
	}
	if listener, _ := r.book.listener(h.remote, h.key.node, h.netns, h.start); listener != nil {
		return model.RoleClient
	}
	return model.RoleServer
}

// opposite finds a half that takes itself for the client of what a half is the other end of.
func (r *Reducer) opposite(h *half) *half {
	key := joinKey{scopeOf(h.remote.Addr(), h.key.node, h.netns), h.remote}
	for j := r.index[key]; j != nil; j = j.next {
		if other := j.client; !j.gone && other != nil && other != h && other.local == h.remote && other.remote == h.local {
			return other
		}
	}
	return nil
}

// turn makes a server of the half at the other end of a client whose role is certain, where that half was taken for a
// client too. What it has carried so far stays where it was counted, and counts anew on the right edge.
func (r *Reducer) turn(h *half, now time.Time) {
	if h.role != model.RoleClient || !h.certain {
		return
	}
	other := r.opposite(h)
	if other == nil || other.certain || other.joined.server != nil {
		return
	}
	j := other.joined
	r.unlink(j)
	j.gone = true
	if j.edge != nil && j.counted.opened && !j.counted.closed {
		r.graph.Add(j.edge, now, &graph.Delta{OpenBy: -1})
	}
	r.graph.Connections.Drop(j.record)
	if j.edge != nil {
		r.config.Dropped(j.record)
	}
	other.role = model.RoleServer
	r.place(other, now)
}
