// SPDX-License-Identifier: Apache-2.0

package reduce

import (
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/graph"
	"github.com/aeolus-ebpf/aeolus/internal/model"
)

// assign finds the edge that a connection belongs to, and moves it there.
func (r *Reducer) assign(j *joined, now time.Time) {
	client, server := r.ends(j, now)
	edge := r.graph.Edge(client, server, j.own(), now)
	if edge == j.edge {
		return
	}
	if j.edge != nil && j.counted.opened && !j.counted.closed {
		r.graph.Add(j.edge, now, &graph.Delta{OpenBy: -1})
		r.graph.Add(edge, now, &graph.Delta{OpenBy: 1})
	}
	j.edge = edge
}

// ends names both ends of a connection.
func (r *Reducer) ends(j *joined, now time.Time) (client, server *graph.Node) {
	if j.client != nil {
		client = j.client.who
	} else {
		client = r.clientOf(j.server, now)
	}
	if j.server != nil {
		return client, j.server.who
	}
	return client, r.serverOf(j.client, now)
}

// serverOf names the server of a client's half that is alone.
func (r *Reducer) serverOf(h *half, now time.Time) *graph.Node {
	when := h.start
	if when.IsZero() {
		when = now
	}
	if who := r.book.server(h.remote, h.key.node, h.netns, when); who != nil {
		return who
	}
	if who := r.seen.who(placeKey{scopeOf(h.remote.Addr(), h.key.node, h.netns), h.remote.Addr(), 0}); who != nil {
		return who
	}
	return r.graph.Address(h.remote.Addr(), now)
}

// clientOf names the client of a server's half that is alone.
func (r *Reducer) clientOf(h *half, now time.Time) *graph.Node {
	if who := r.book.client(h.remote.Addr(), h.key.node, h.netns, h.start); who != nil {
		return who
	}
	if who := r.seen.who(placeKey{scopeOf(h.remote.Addr(), h.key.node, h.netns), h.remote.Addr(), 0}); who != nil {
		return who
	}
	return r.graph.Address(h.remote.Addr(), now)
}

// count adds to the graph what it does not hold yet of a connection.
func (r *Reducer) count(j *joined, when time.Time) {
	delta := j.delta()
	r.graph.Add(j.edge, when, &delta)
	j.refresh()
	if j.record.State == model.PhaseClosed {
		if delta.Closes > 0 || !j.queued {
			r.graph.Connections.Close(j.record)
		}
	} else {
		r.graph.Connections.Put(j.record)
	}
	r.config.Changed(j.record)
	if !j.ended() || j.queued {
		return
	}
	j.queued = true
	if j.alone() == nil {
		// Nothing of it is missing, so that it need not be kept for long: the table is the smaller for it.
		r.whole.push(j, r.clock.Add(min(r.config.Wait, r.config.Linger)))
		return
	}
	r.lingering.push(j, r.clock.Add(r.config.Linger))
}

// Settle lets go of what has waited long enough. It is to be called several times a second.
func (r *Reducer) Settle(now time.Time) {
	r.clock = now
	for j := r.waiting.due(now); j != nil; j = r.waiting.due(now) {
		if j.gone || j.edge != nil {
			continue
		}
		h := j.alone()
		if other := match(r.index[j.key], h, false); other != nil {
			r.merge(other, j, h, now)
			continue
		}
		r.assign(j, now)
		r.count(j, now)
	}
	for _, ended := range [...]*queue{&r.whole, &r.lingering} {
		for j := ended.due(now); j != nil; j = ended.due(now) {
			r.forget(j)
		}
	}
	r.sweep(now)
}

// merge joins a half that waited in vain for its exact counterpart to one with a translated address.
func (r *Reducer) merge(into, from *joined, h *half, now time.Time) {
	if from.edge != nil {
		return
	}
	r.unlink(from)
	from.gone = true
	r.fill(into, h, now)
	r.count(into, now)
}

// forget lets go of a connection that has ended.
func (r *Reducer) forget(j *joined) {
	if j.gone {
		return
	}
	j.gone = true
	r.unlink(j)
	for _, h := range [...]*half{j.client, j.server} {
		if h != nil && r.remove(h) {
			r.stage.Out(1)
		}
	}
}

// drop lets go of a connection that may still be open, and counts its halves as lost.
func (r *Reducer) drop(j *joined, reason string) {
	if j == nil || j.gone {
		return
	}
	for _, h := range [...]*half{j.client, j.server} {
		if h != nil && r.remove(h) {
			r.stage.Drop(reason, 1)
		}
	}
	if j.edge != nil && j.counted.opened && !j.counted.closed {
		r.graph.Add(j.edge, j.edge.LastSeen, &graph.Delta{OpenBy: -1})
	}
	r.graph.Connections.Drop(j.record)
	if j.edge != nil {
		r.config.Dropped(j.record)
	}
	r.forget(j)
}

func (r *Reducer) unlink(j *joined) {
	first := r.index[j.key]
	if first == j {
		if j.next == nil {
			delete(r.index, j.key)
		} else {
			r.index[j.key] = j.next
		}
		return
	}
	for at := first; at != nil; at = at.next {
		if at.next == j {
			at.next = j.next
			return
		}
	}
}

func (r *Reducer) insert(h *half) {
	if len(r.halves) >= r.config.MaxHalves {
		r.makeRoom()
	}
	r.halves[h.key] = h
	h.older = r.newest
	if r.newest != nil {
		r.newest.newer = h
	} else {
		r.oldest = h
	}
	r.newest = h
}

// makeRoom lets go of something: of what has ended, while there is any, because all of that has been counted. Only of one
// whose other half may still come it is said that it was lost.
func (r *Reducer) makeRoom() {
	for _, ended := range [...]*queue{&r.whole, &r.lingering} {
		for j := ended.first(); j != nil; j = ended.first() {
			switch {
			case j.gone:
				continue
			case j.alone() != nil:
				r.drop(j, "table-full")
			default:
				r.forget(j)
			}
			return
		}
	}
	r.drop(r.oldest.joined, "table-full")
}

func (r *Reducer) remove(h *half) bool {
	if r.halves[h.key] != h {
		return false
	}
	delete(r.halves, h.key)
	if h.older != nil {
		h.older.newer = h.newer
	} else {
		r.oldest = h.newer
	}
	if h.newer != nil {
		h.newer.older = h.older
	} else {
		r.newest = h.older
	}
	h.older, h.newer = nil, nil
	return true
}
