// SPDX-License-Identifier: Apache-2.0

package query

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	queryv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/query/v1"
	"github.com/aeolus-ebpf/aeolus/internal/controller/engine"
	"github.com/aeolus-ebpf/aeolus/internal/controller/store/archive"
	"github.com/aeolus-ebpf/aeolus/internal/graph"
	"github.com/aeolus-ebpf/aeolus/internal/model"
)

// pastEvents gives the newest events of a stretch of time, newest last. All of them have been handed to the archive once
// the recorder has been flushed.
func (s *Service) pastEvents(ctx context.Context, request *queryv1.ListEventsRequest, limit int) (*queryv1.ListEventsResponse, error) {
	budget, cancel := s.budget(ctx)
	defer cancel()
	asked, err := s.asked(request.GetSince(), request.GetTo())
	if err != nil {
		return nil, err
	}
	response := &queryv1.ListEventsResponse{}
	known := s.gaps(asked)
	if token := request.GetPageToken(); token != "" {
		if asked.to, _, err = readToken(token); err != nil {
			return nil, err
		}
	}
	s.config.Past.Recorder.Flush()
	wanted := s.pastMatcher(request.GetFilter())
	query := archive.EventQuery{Range: asked.archive(), WithoutOwn: !request.GetFilter().GetOwn()}
	for _, kind := range request.GetKinds() {
		query.Kinds = append(query.Kinds, model.EventKind(kind))
	}
	if id := request.GetFilter().GetEdgeId(); id != "" {
		query.Edges = []string{id}
	}
	newest := newNewest(limit, func(e *archive.Event) (time.Time, string) { return e.Time, e.ID })
	err = eachEvent(budget, s.config.Past.Archive, query,
		func(err *archive.SegmentError) { known = append(known, gapOf(err)) },
		func(row *archive.Event) {
			if wanted.event(row) {
				newest.add(row)
			}
		})
	if err != nil {
		return nil, budget.explain(err)
	}
	found, more := newest.take()
	for _, row := range slices.Backward(found) {
		response.Events = append(response.Events, pastEvent(row))
	}
	if more {
		response.NextPageToken = writeToken(found[len(found)-1].Time, "")
	}
	response.Gaps = gaps(known)
	return response, nil
}

// pastMatcher decides which rows of the past a filter selects.
func (s *Service) pastMatcher(filter *queryv1.Filter) *pastMatcher {
	m := &pastMatcher{graph: graph.New(unbounded, nil), known: map[string]*pastEdge{}}
	s.config.Engine.Read(func(v engine.View) {
		m.matcher = newMatcher(filter, v)
		ill := map[string]struct{}{}
		for id := range v.Graph.Edges() {
			if len(v.OnEdge(id)) > 0 {
				ill[id] = struct{}{}
			}
		}
		v.Ended(func(a *engine.Anomaly) bool {
			ill[a.Edge] = struct{}{}
			return true
		})
		m.unhealthy = func(e *graph.Edge) bool {
			_, ok := ill[e.ID]
			return ok
		}
	})
	// The edges of rows have no ports: they are looked at by themselves.
	m.port = uint16(filter.GetPort())
	m.ports = filter.GetPort() != 0
	return m
}

// pastMatcher matches rows as matcher does edges in memory.
type pastMatcher struct {
	matcher
	graph *graph.Graph
	known map[string]*pastEdge
	port  uint16
	ports bool
}

// pastEdge is what is known of an edge of the past.
type pastEdge struct{ chosen, mentioned bool }

// edge tells whether the filter selects what is between two workloads, and whether their names hold its text.
func (m *pastMatcher) edge(id string, client, server archive.Workload, own bool) pastEdge {
	if known := m.known[id]; known != nil {
		return *known
	}
	edge := m.graph.Edge(m.graph.Recall(identity(client), time.Time{}), m.graph.Recall(identity(server), time.Time{}), own, time.Time{})
	if m.ports {
		edge.Ports = []uint16{m.port}
	}
	known := &pastEdge{m.structure(edge), m.text == "" || m.mentions(edge)}
	m.known[id] = known
	return *known
}

func (m *pastMatcher) event(row *archive.Event) bool {
	edge := m.edge(row.Edge, row.ClientWorkload, row.ServerWorkload, row.Own)
	if !edge.chosen || m.ports && row.Server.Port() != m.port {
		return false
	}
	return edge.mentioned || contains(row.Text, m.text) || contains(row.Process, m.text) ||
		contains(row.Client.String(), m.text) || contains(row.Server.String(), m.text)
}

func pastEvent(row *archive.Event) *queryv1.Event {
	message := &queryv1.Event{
		Id: row.ID, Time: stamp(row.Time), Kind: string(row.Kind), EdgeId: row.Edge, ClientName: row.ClientWorkload.Name,
		ServerName: row.ServerWorkload.Name, Reporter: row.Reporter, Node: row.Node, Pid: row.PID, Process: row.Process,
		Text: row.Text, Latency: durationpb.New(row.Latency), Attributes: maps.Clone(row.Attributes),
	}
	if row.Client.IsValid() {
		message.ClientAddress = row.Client.String()
	}
	if row.Server.IsValid() {
		message.ServerAddress = row.Server.String()
	}
	return message
}

// newest keeps the newest so many rows, and never splits those of one instant.
type newest[T any] struct {
	most int
	key  func(*T) (time.Time, string)
	rows []*T
	more bool
}

func newNewest[T any](most int, key func(*T) (time.Time, string)) *newest[T] {
	return &newest[T]{most: max(most, 1), key: key}
}

func (n *newest[T]) add(row *T) {
	held := *row
	n.rows = append(n.rows, &held)
	if len(n.rows) > 2*n.most+1024 {
		n.shrink()
	}
}

// shrink lets go of what cannot be among the newest.
func (n *newest[T]) shrink() {
	slices.SortFunc(n.rows, func(a, b *T) int {
		at, one := n.key(a)
		bt, other := n.key(b)
		if c := bt.Compare(at); c != 0 {
			return c
		}
		return strings.Compare(one, other)
	})
	if len(n.rows) <= n.most {
		return
	}
	last, _ := n.key(n.rows[n.most-1])
	keep := n.most
	for keep < len(n.rows) {
		if at, _ := n.key(n.rows[keep]); !at.Equal(last) {
			break
		}
		keep++
	}
	n.more = n.more || keep < len(n.rows)
	clear(n.rows[keep:])
	n.rows = n.rows[:keep]
}

// take gives the rows, newest first, and whether there were more.
func (n *newest[T]) take() ([]*T, bool) {
	n.shrink()
	return n.rows, n.more
}
