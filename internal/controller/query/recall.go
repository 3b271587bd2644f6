// SPDX-License-Identifier: Apache-2.0

package query

import (
	"context"
	"errors"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/controller/engine"
	"github.com/aeolus-ebpf/aeolus/internal/controller/history"
	"github.com/aeolus-ebpf/aeolus/internal/controller/store/archive"
	"github.com/aeolus-ebpf/aeolus/internal/graph"
)

// recall builds the graph of a stretch of time: the newest part from memory, the rest from the archive.
//
// Memory is read first, and says up to which second what it knows has been written down. What is written down by then is
// handed to the archive, and of the archive only what is older is taken: so nothing is missed and nothing counts twice,
// whatever is written meanwhile.
func (s *Service) recall(ctx context.Context, asked hours, edge string) (*recalled, error) {
	budget, cancel := s.budget(ctx)
	defer cancel()
	r := &recalled{asked: asked, known: asked, edges: map[string]*recalledEdge{}, graph: graph.New(unbounded, nil)}
	var written time.Time
	s.config.Engine.Read(func(v engine.View) {
		written = time.Unix(v.Graph.Taken(), 0)
		r.remember(v, written, edge)
	})
	s.config.Past.Recorder.Flush()
	err := s.recallEdges(budget, r, written, edge)
	if err == nil {
		err = s.recallInstances(budget, r)
	}
	if err != nil {
		return nil, budget.explain(err)
	}
	r.gaps = append(r.gaps, s.gaps(asked)...)
	r.finish()
	return r, nil
}

// remember takes what memory holds that has not been written down.
func (r *recalled) remember(v engine.View, written time.Time, only string) {
	part := hours{written, r.asked.to}
	if part.from.Before(r.asked.from) {
		part.from = r.asked.from
	}
	recent := r.asked.to.Add(lingering).After(v.Now)
	for _, e := range v.Graph.Edges() {
		if only != "" && e.ID != only {
			continue
		}
		here := recent && !e.FirstSeen.After(r.asked.to) && e.LastSeen.After(r.asked.from.Add(-lingering))
		if part.length() <= 0 {
			if here {
				r.place(e)
			}
			continue
		}
		sum, _ := e.Over(part.to.Unix()-1, part.to.Unix()-part.from.Unix())
		late := e.Late()
		sum.Add(&late)
		if sum.IsZero() && !here {
			continue
		}
		open, _ := e.OpenAt(part.to.Unix() - 1)
		sum.Open = int32(open)
		found := r.note(r.place(e), &sum, part)
		found.edge.LastSeen = e.LastSeen
		if r.asked.to.Before(e.LastSeen) {
			found.edge.LastSeen = r.asked.to
		}
	}
	if !recent {
		return
	}
	for _, n := range v.Graph.Nodes() {
		if n.External || n.FirstSeen.After(r.asked.to) {
			continue
		}
		node := r.graph.Recall(identity(history.Workload(n)), n.FirstSeen)
		node.Own, node.Evidence = n.Own, n.Evidence
		for _, instance := range n.Instances {
			if !instance.FirstSeen.After(r.asked.to) {
				node.RecallInstance(instance)
			}
		}
	}
}

// place gives the edge of the graph of the past that stands for one in memory.
func (r *recalled) place(e *graph.Edge) *graph.Edge {
	if found := r.edges[e.ID]; found != nil {
		return found.edge
	}
	edge := r.edge(history.Workload(e.Client), history.Workload(e.Server), e.Own, e.FirstSeen)
	edge.FirstSeen, edge.LastSeen = e.FirstSeen, e.FirstSeen
	edge.ClientReports, edge.ServerReports = e.ClientReports, e.ServerReports
	for _, port := range e.Ports {
		edge.AddPort(port)
	}
	edge.Client.Own, edge.Server.Own = e.Client.Own, e.Server.Own
	edge.Client.Evidence, edge.Server.Evidence = e.Client.Evidence, e.Server.Evidence
	r.edges[edge.ID] = &recalledEdge{edge: edge}
	return edge
}

func (r *recalled) edge(client, server archive.Workload, own bool, at time.Time) *graph.Edge {
	return r.graph.Edge(r.graph.Recall(identity(client), at), r.graph.Recall(identity(server), at), own, at)
}

func identity(w archive.Workload) graph.Identity {
	return graph.Identity{ID: w.ID, Namespace: w.Namespace, Name: w.Name, Kind: w.Kind, External: w.External}
}

// recallEdges takes from the archive what was written down before memory was read.
func (s *Service) recallEdges(b *budget, r *recalled, written time.Time, only string) error {
	query := archive.EdgeQuery{Range: archive.Range{From: r.asked.from, To: r.asked.to}}
	if only != "" {
		query.Edges = []string{only}
	}
	if r.asked.length() < lingering {
		query.From = r.asked.to.Add(-lingering)
	}
	return eachEdge(b, s.config.Past.Archive, query, r.broken, func(row *archive.Edge) {
		if !row.From.Before(written) {
			return
		}
		r.note(r.recalledPlace(row), &row.Bucket, hours{row.From, row.From.Add(row.Length)})
	})
}

func (r *recalled) recalledPlace(row *archive.Edge) *graph.Edge {
	var edge *graph.Edge
	if found := r.edges[row.ID]; found != nil {
		edge = found.edge
	} else {
		edge = r.edge(row.Client, row.Server, row.Own, row.From)
	}
	edge.ClientReports = edge.ClientReports || row.ByClient
	edge.ServerReports = edge.ServerReports || row.ByServer
	for _, port := range row.Ports {
		edge.AddPort(port)
	}
	return edge
}

// recallInstances takes the instances that there were towards the end of the time.
func (s *Service) recallInstances(b *budget, r *recalled) error {
	near := hours{r.asked.to.Add(-min(max(r.asked.length(), described), lingering)), r.asked.to}
	missing := func(err *archive.SegmentError) {
		gap := gapOf(err)
		gap.Table = "instances"
		r.gaps = append(r.gaps, gap)
	}
	return eachInstance(b, s.config.Past.Archive, archive.InstanceQuery{Range: near.archive()}, missing, func(row *archive.Instance) {
		node := r.graph.Recall(identity(row.Workload), row.From)
		node.Own = node.Own || row.Own
		node.RecallInstance(&row.Instance)
	})
}

// broken notes a segment that could not be read as a gap.
func (r *recalled) broken(err *archive.SegmentError) {
	r.gaps = append(r.gaps, gapOf(err))
}

func gapOf(err *archive.SegmentError) archive.Gap {
	reason := err.Err
	for next := errors.Unwrap(reason); next != nil; next = errors.Unwrap(reason) {
		reason = next
	}
	return archive.Gap{From: err.From, To: err.To, Reason: "a segment could not be read: " + reason.Error()}
}
