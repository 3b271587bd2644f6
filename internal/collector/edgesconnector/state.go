// SPDX-License-Identifier: Apache-2.0

package edgesconnector

import (
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/graph"
	"github.com/aeolus-ebpf/aeolus/internal/loss"
	"github.com/aeolus-ebpf/aeolus/internal/model"
	"github.com/aeolus-ebpf/aeolus/internal/names"
	"github.com/aeolus-ebpf/aeolus/internal/reduce"
	"github.com/aeolus-ebpf/aeolus/internal/sequence"
)

const (
	// expiry is how often is looked for what has been quiet for too long.
	expiry = 5 * time.Second
	// patience is how long an event waits for the first batch of its node, which says who owns which address.
	patience = 1500 * time.Millisecond
	maxHeld  = 4096
	// remembered is how many events' ids are told apart, twice.
	remembered = 65536
)

// state is what the connector knows. Whoever calls holds the connector's lock.
type state struct {
	config *Config
	now    time.Time

	graph     *graph.Graph
	reducer   *reduce.Reducer
	sequences *sequence.Book
	known     *sequence.Recent
	held      []heldEvent

	ledger                    *loss.Ledger
	batches, rows, happenings *loss.Stage

	edges      *edges
	obi        *obi
	dolphin    *dolphin
	events     *happenings
	health     *health
	nextExpiry time.Time
}

// heldEvent is an event that waits to be told who is where.
type heldEvent struct {
	event model.Event
	until time.Time
}

func newState(config *Config) *state {
	s := &state{
		config: config, sequences: sequence.New(), known: sequence.NewRecent(remembered), ledger: loss.NewLedger(),
		health: newHealth(), events: &happenings{newTable(eventFamily(), config.MaxEventSeries)},
	}
	s.batches, s.rows = s.ledger.Stage("edges.batches"), s.ledger.Stage("edges.rows")
	s.happenings = s.ledger.Stage("edges.events")
	if config.has(names.PresetAeolus) {
		s.edges = newEdges(config.MaxEdges)
	}
	if config.has(names.PresetOBI) {
		s.obi = newOBI(2 * config.MaxEdges)
	}
	if config.has(names.PresetDolphin) {
		s.dolphin = newDolphin(2 * config.MaxEdges)
	}
	s.graph = graph.New(graph.Config{
		MaxEdges: config.MaxEdges, MaxNodes: max(2*config.MaxEdges, 256), History: config.Expire, MaxOpen: 1, MaxClosed: 1,
		Added: s.added, WithoutSeconds: true,
	}, nil)
	s.reducer = reduce.New(s.graph, s.ledger.Stage("edges.reduce"), reduce.Config{Wait: config.Wait})
	return s
}

// added is told of everything that the reducer adds to an edge. Traffic of Aeolus itself has no series.
func (s *state) added(edge *graph.Edge, delta *graph.Delta) {
	if edge.Own {
		return
	}
	if s.edges != nil {
		s.edges.add(edge, delta, s.now)
	}
	if s.obi != nil {
		s.obi.add(edge, delta, s.now)
	}
}

// take takes in a message that arrived now, and tells whether events were counted.
func (s *state) take(in *intake, now time.Time) bool {
	s.now = now
	for reason, count := range in.badBatches {
		s.batches.In(count)
		s.batches.Drop(reason, count)
	}
	for i := range in.batches {
		s.apply(&in.batches[i])
	}
	s.happenings.In(in.records)
	for reason, count := range in.badEvents {
		s.happenings.Drop(reason, count)
	}
	for i := range in.events {
		event := &in.events[i]
		switch {
		case !s.known.First(event.Node, event.ID):
			s.happenings.Drop("duplicate", 1)
		case s.hold(event):
		default:
			s.count(event)
		}
	}
	if in.foreign > 0 && s.config.ForeignLogs {
		s.happenings.In(uint64(in.foreign))
		s.events.foreign(in.foreign, now)
		s.happenings.Out(uint64(in.foreign))
	}
	return len(s.events.dirty) > 0
}

func (s *state) apply(d *decoded) {
	s.batches.In(1)
	verdict := s.sequences.Take(d.batch.Node+"/"+d.batch.AgentID, d.batch.Sequence, s.now)
	if !verdict.Fresh {
		s.batches.Drop("duplicate", 1)
		return
	}
	s.batches.Out(1)
	s.rows.In(d.rows)
	for _, r := range d.rejected {
		if !r.OfPlace() {
			s.rows.Drop(r.Reason, r.Count)
		}
	}
	s.reducer.Apply(d.batch, s.now)
	if s.dolphin != nil {
		s.dolphin.take(d.batch.Flows, s.now)
	}
	s.rows.Out(uint64(len(d.batch.Flows)))
	s.health.hear(d.batch, s.now)
	s.release()
}

// hold keeps an event back for a while if its node's first batch, which is under way, will say where it belongs.
func (s *state) hold(event *model.Event) bool {
	if s.reducer.Knows(event.Node) || len(s.held) >= maxHeld {
		return false
	}
	s.held = append(s.held, heldEvent{*event, s.now.Add(patience)})
	return true
}

// release counts the events that have a place now, and those that have waited long enough.
func (s *state) release() {
	kept := s.held[:0]
	for i := range s.held {
		held := &s.held[i]
		if s.reducer.Knows(held.event.Node) || !s.now.Before(held.until) {
			s.count(&held.event)
			continue
		}
		kept = append(kept, *held)
	}
	clear(s.held[len(kept):])
	s.held = kept
}

// count puts an event on its edge.
func (s *state) count(event *model.Event) {
	located := s.reducer.Locate(event, s.now)
	located.Edge.LastSeen = s.now
	switch {
	case !located.First:
		s.happenings.Drop("told-by-both-ends", 1)
		return
	case located.Edge.Own:
		s.happenings.Drop("own-traffic", 1)
		return
	}
	s.events.add(event, located.Edge, s.now)
	s.happenings.Out(1)
}

// settle does what is due without anything having arrived. Nothing ends while it is refused: its last count might never
// have arrived.
func (s *state) settle(now time.Time, refused bool) {
	s.now = now
	s.reducer.Settle(now)
	s.release()
	if now.Before(s.nextExpiry) {
		return
	}
	s.nextExpiry = now.Add(expiry)
	s.graph.Expire(now, nil)
	if refused {
		return
	}
	since := now.Add(-s.config.Expire)
	for _, t := range s.tables() {
		t.expire(since)
	}
	s.health.expire(since)
	if s.edges != nil {
		s.edges.forget(s.graph.Edges())
	}
	if s.obi != nil {
		s.obi.forget()
	}
}

// tables gives those of edges, in whichever presets, and of events.
func (s *state) tables() []*table {
	found := []*table{s.events.table}
	if s.edges != nil {
		found = append(found, s.edges.table)
	}
	if s.obi != nil {
		found = append(found, s.obi.table)
	}
	if s.dolphin != nil {
		found = append(found, s.dolphin.table)
	}
	return found
}

// tell takes over what the connector says of itself.
func (s *state) tell(version string) {
	edges := 0
	for _, edge := range s.graph.Edges() {
		if !edge.Own && !beyond(edge) {
			edges++
		}
	}
	s.health.own(s.ledger.Counts(), edges, s.config.MaxEdges, version, s.now)
}
