// SPDX-License-Identifier: Apache-2.0

package reduce

import (
	"net/netip"
	"strconv"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/graph"
	"github.com/aeolus-ebpf/aeolus/internal/loss"
	"github.com/aeolus-ebpf/aeolus/internal/model"
)

// Config bounds a reducer. The zero value of a field stands for its default.
type Config struct {
	// MaxHalves is how many halves of connections are held; beyond it the oldest is let go and counted.
	MaxHalves int
	// MaxPlaces bounds the address book.
	MaxPlaces int
	// Wait is how long a half waits for the other before it counts alone.
	Wait time.Duration
	// Linger is how long a connection that has ended is remembered, for a half that comes late.
	Linger time.Duration
	// Changed is told of every connection that opened, changed or ended; it may be nil.
	Changed func(*graph.Connection)
	// Dropped is told of a connection that is let go of before it has ended; it may be nil.
	Dropped func(*graph.Connection)
	// Run begins the ids of connections, so that those of two runs differ.
	Run string
}

func (c Config) withDefaults() Config {
	if c.MaxHalves <= 0 {
		c.MaxHalves = 262144
	}
	if c.MaxPlaces <= 0 {
		c.MaxPlaces = 65536
	}
	if c.Wait <= 0 {
		c.Wait = 1500 * time.Millisecond
	}
	if c.Linger <= 0 {
		c.Linger = 5 * time.Second
	}
	if c.Changed == nil {
		c.Changed = func(*graph.Connection) {}
	}
	if c.Dropped == nil {
		c.Dropped = func(*graph.Connection) {}
	}
	return c
}

// Reducer joins halves. Like the graph it has no lock and no clock.
type Reducer struct {
	graph  *graph.Graph
	stage  *loss.Stage
	config Config
	book   *book
	seen   *witnesses

	halves         map[halfKey]*half
	oldest, newest *half
	index          map[joinKey]*joined
	waiting        queue
	// What has ended: with both halves, and with one.
	whole, lingering queue
	agents           map[string]*source
	resets           *recent
	number           uint64
	// The time of the call that is under way.
	clock time.Time
}

// source is an agent as far as the reducer must know it.
type source struct {
	id    string
	since time.Time
	heard time.Time
	// The halves of the agent that this one replaced are still there.
	stale bool
}

// New makes a reducer that adds to a graph and counts its losses in a stage.
func New(g *graph.Graph, stage *loss.Stage, config Config) *Reducer {
	config = config.withDefaults()
	return &Reducer{
		graph: g, stage: stage, config: config, book: newBook(config.MaxPlaces), seen: newWitnesses(config.MaxPlaces),
		halves: map[halfKey]*half{}, index: map[joinKey]*joined{}, agents: map[string]*source{},
		resets: newRecent(65536),
	}
}

// Halves is the number of halves that are held.
func (r *Reducer) Halves() int { return len(r.halves) }

// Knows tells whether a node has sent a batch, so that its addresses are known.
func (r *Reducer) Knows(node string) bool { return r.agents[node] != nil }

// Apply takes in a batch that arrived now.
func (r *Reducer) Apply(batch *model.Batch, now time.Time) {
	r.clock = now
	r.greet(batch, now)
	when := batch.Taken
	if when.After(now.Add(time.Second)) || when.Before(now.Add(-r.graph.History())) {
		// A clock that is that far off would put the figures where nobody looks for them.
		when = now
	}
	workloads := workloads{graph: r.graph, at: when, known: map[*model.Endpoint]*graph.Node{}}
	r.learn(batch, &workloads, when)
	for i := range batch.Flows {
		flow := &batch.Flows[i]
		if flow.Endpoint == nil {
			r.stage.In(1)
			r.stage.Drop("no-endpoint", 1)
			continue
		}
		r.row(batch, flow, &workloads, when, now)
	}
	r.Settle(now)
}

// workloads remembers the nodes of a batch's endpoints.
type workloads struct {
	graph *graph.Graph
	at    time.Time
	known map[*model.Endpoint]*graph.Node
	last  *model.Endpoint
	node  *graph.Node
}

func (w *workloads) of(endpoint *model.Endpoint, address netip.Addr) *graph.Node {
	if endpoint == w.last {
		return w.node
	}
	node, ok := w.known[endpoint]
	if !ok {
		node = w.graph.Workload(endpoint, address, w.at)
		w.known[endpoint] = node
	}
	w.last, w.node = endpoint, node
	return node
}

func (r *Reducer) learn(batch *model.Batch, workloads *workloads, when time.Time) {
	for _, owner := range batch.Addresses {
		address := owner.Address.Unmap().WithZone("")
		c := claim{node: batch.Node, netns: owner.NetNS, from: when, seen: when}
		if owner.Endpoint != nil {
			c.who = workloads.of(owner.Endpoint, address)
		}
		r.book.own(placeKey{scopeOf(address, batch.Node, owner.NetNS), address, 0}, c)
	}
	for _, listener := range batch.Listeners {
		if listener.Endpoint == nil {
			continue
		}
		local := unmapped(listener.Local)
		r.book.listen(placeKey{scopeOf(local.Addr(), batch.Node, listener.Endpoint.NetNS), local.Addr(), local.Port()},
			claim{
				node: batch.Node, netns: listener.Endpoint.NetNS, from: when, seen: when,
				who: workloads.of(listener.Endpoint, netip.Addr{}),
			})
	}
}

// row takes in one row of a batch.
func (r *Reducer) row(batch *model.Batch, flow *model.Flow, workloads *workloads, when, now time.Time) {
	key := halfKey{batch.Node, flow.Cookie}
	h := r.halves[key]
	local, remote := unmapped(flow.Local), unmapped(flow.Remote)
	if h != nil && (h.local != local || h.remote != remote) && h.closed {
		// The cookie is of another boot of that node.
		r.drop(h.joined, "replaced")
		h = nil
	}
	fresh := h == nil
	if fresh {
		h = &half{key: key, local: local, remote: remote, start: flow.Start}
		r.stage.In(1)
		r.insert(h)
	}
	h.agent = batch.AgentID
	who := workloads.of(flow.Endpoint, local.Addr())
	moved := !fresh && h.who != who
	h.take(flow, who)
	if fresh {
		h.certain = certain(flow)
		h.role = r.roleOf(flow, h)
		r.witness(h, when)
		r.place(h, now)
		r.turn(h, now)
	}
	j := h.joined
	if moved && j.edge != nil {
		r.assign(j, now)
	}
	switch {
	case j.edge != nil:
		r.count(j, when)
	case j.decided():
		r.assign(j, now)
		r.count(j, when)
	case fresh:
		r.waiting.push(j, now.Add(r.config.Wait))
	}
}

// witness notes who was seen at an address.
func (r *Reducer) witness(h *half, when time.Time) {
	where := scopeOf(h.local.Addr(), h.key.node, h.netns)
	r.seen.note(placeKey{where, h.local.Addr(), 0}, h.who)
	if h.role == model.RoleServer {
		r.book.listen(placeKey{where, h.local.Addr(), h.local.Port()},
			claim{node: h.key.node, netns: h.netns, who: h.who, from: when, seen: when})
	}
}

// place finds the connection that a new half belongs to, or makes one.
func (r *Reducer) place(h *half, now time.Time) {
	key := h.joinKey()
	first := r.index[key]
	j := match(first, h, true)
	if j == nil {
		if j = match(first, h, false); j != nil && !r.expected(j.alone(), h, now) {
			j = nil
		}
	}
	if j == nil {
		r.number++
		j = &joined{key: key, next: first, record: &graph.Connection{ID: r.identify()}}
		r.index[key] = j
	}
	r.fill(j, h, now)
}

// expected tells whether the address that the client connected to is known to lead to the server.
func (r *Reducer) expected(a, b *half, now time.Time) bool {
	client, server := a, b
	if a.role == model.RoleServer {
		client, server = b, a
	}
	return r.book.server(client.remote, client.key.node, client.netns, now) == server.who
}

// fill puts a half into its connection; when it is the second, both are from now on counted together.
func (r *Reducer) fill(j *joined, h *half, now time.Time) {
	other := j.alone()
	if j.client == nil && j.server == nil {
		other = nil
	}
	if h.role == model.RoleServer {
		j.server = h
	} else {
		j.client = h
	}
	h.joined = j
	if other == nil {
		return
	}
	if j.edge != nil && (h.adopted || other.adopted) {
		j.rebase()
	}
	if j.client.remote != j.server.local {
		where := scopeOf(j.client.remote.Addr(), j.client.key.node, j.client.netns)
		r.book.listen(placeKey{where, j.client.remote.Addr(), j.client.remote.Port()},
			claim{node: j.client.key.node, netns: j.client.netns, who: j.server.who, from: now, seen: now})
	}
	r.assign(j, now)
}

// identify gives the next connection's id.
func (r *Reducer) identify() string {
	var text [48]byte
	return string(strconv.AppendUint(append(text[:0], r.config.Run...), r.number, 36))
}
