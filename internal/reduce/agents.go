// SPDX-License-Identifier: Apache-2.0

package reduce

import (
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/model"
)

const (
	// adoptionTime is how long a restarted agent has to report again the connections that are still open.
	adoptionTime = 15 * time.Second
	// silence is how long an agent may be unheard before its connections count as ended.
	silence = time.Minute
)

// greet notes which agent speaks for a node.
func (r *Reducer) greet(batch *model.Batch, now time.Time) {
	s := r.agents[batch.Node]
	switch {
	case s == nil:
		s = &source{id: batch.AgentID, since: now}
		r.agents[batch.Node] = s
	case s.id != batch.AgentID:
		s.id, s.since, s.stale = batch.AgentID, now, true
	}
	s.heard = now
}

// Unheard gives the nodes from which no batch has come for some time.
func (r *Reducer) Unheard(now time.Time, since time.Duration) map[string]struct{} {
	var found map[string]struct{}
	for node, s := range r.agents {
		if now.Sub(s.heard) > since {
			if found == nil {
				found = map[string]struct{}{}
			}
			found[node] = struct{}{}
		}
	}
	return found
}

// sweep ends the connections of agents that are gone, or that have been replaced and did not report them again.
func (r *Reducer) sweep(now time.Time) {
	for node, s := range r.agents {
		gone := now.Sub(s.heard) > silence
		if !gone && (!s.stale || now.Sub(s.since) < adoptionTime) {
			continue
		}
		s.stale = false
		for _, h := range r.halves {
			if h.key.node == node && !h.closed && (gone || h.agent != s.id) {
				r.abandon(h, now)
			}
		}
		if gone {
			delete(r.agents, node)
		}
	}
}

// abandon ends a half of which nothing more will be heard.
func (r *Reducer) abandon(h *half, now time.Time) {
	h.closed, h.end = true, now
	if h.joined.edge != nil {
		r.count(h.joined, now)
	}
}
