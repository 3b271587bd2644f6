// SPDX-License-Identifier: Apache-2.0

package query

import (
	"context"
	"slices"
	"time"

	queryv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/query/v1"
	"github.com/aeolus-ebpf/aeolus/internal/controller/engine"
	"github.com/aeolus-ebpf/aeolus/internal/controller/store/archive"
	"github.com/aeolus-ebpf/aeolus/internal/graph"
	"github.com/aeolus-ebpf/aeolus/internal/model"
)

// pastConnections gives the connections that did something within a stretch of time, those that did so last first.
//
// Each has a row for every minute in which it did something. The newest of them within the time finds its place in the
// list; the sums over all are taken for those alone that are on the page.
func (s *Service) pastConnections(ctx context.Context, request *queryv1.ListConnectionsRequest, limit int) (*queryv1.ListConnectionsResponse, error) {
	budget, cancel := s.budget(ctx)
	defer cancel()
	asked, err := s.asked(request.GetFrom(), request.GetTo())
	if err != nil {
		return nil, err
	}
	search := &flowSearch{budget: budget, service: s, asked: asked, before: asked.to, matcher: s.pastMatcher(request.GetFilter()), request: request}
	if token := request.GetPageToken(); token != "" {
		if search.before, _, err = readToken(token); err != nil {
			return nil, err
		}
	}
	search.gaps = s.gaps(asked)
	search.remember()
	s.config.Past.Recorder.Flush()
	page, more, err := search.page(limit)
	if err == nil {
		err = search.complete(page)
	}
	if err != nil {
		return nil, budget.explain(err)
	}
	response := &queryv1.ListConnectionsResponse{Truncated: more, Gaps: gaps(search.gaps)}
	for _, row := range page {
		response.Connections = append(response.Connections, pastConnection(row))
	}
	if more {
		response.NextPageToken = writeToken(search.end(page[len(page)-1]), "")
	}
	return response, nil
}

// flowSearch is a search for connections.
type flowSearch struct {
	budget  *budget
	service *Service
	asked   hours
	// before is where the page begins: what ended its row then or later was on an earlier one.
	before  time.Time
	matcher *pastMatcher
	request *queryv1.ListConnectionsRequest
	// pending is what connections have done that has not been written down, by connection.
	pending map[string]archive.Flow
	gaps    []archive.Gap
}

// remember takes what has not been written down.
func (f *flowSearch) remember() {
	f.pending = map[string]archive.Flow{}
	f.service.config.Engine.Read(func(v engine.View) {
		f.service.config.Past.Recorder.Pending(v.Now, func(row *archive.Flow) {
			if f.within(row) {
				f.pending[row.Connection] = *row
			}
		})
	})
}

// within tells whether a row touches the time that is asked for.
func (f *flowSearch) within(row *archive.Flow) bool {
	return row.From.Before(f.asked.to) && !row.To.Before(f.asked.from)
}

// end is a row's place in the list.
func (f *flowSearch) end(row *archive.Flow) time.Time {
	if row.To.After(f.asked.to) {
		return f.asked.to
	}
	return row.To
}

// each gives the rows that a query finds, those not written down with them, each once.
func (f *flowSearch) each(query archive.FlowQuery, visit func(*archive.Flow)) error {
	for _, row := range f.pending {
		if len(query.Connections) == 0 || slices.Contains(query.Connections, row.Connection) {
			visit(&row)
		}
	}
	return eachFlow(f.budget, f.service.config.Past.Archive, query,
		func(err *archive.SegmentError) { f.gaps = append(f.gaps, gapOf(err)) },
		func(row *archive.Flow) {
			// What was not written down when memory was read may have been since.
			if pending, ok := f.pending[row.Connection]; ok && !row.From.Before(pending.From) {
				return
			}
			if f.within(row) {
				visit(row)
			}
		})
}

// page finds the newest connections, with the newest row of each.
func (f *flowSearch) page(limit int) ([]*archive.Flow, bool, error) {
	filter := f.request.GetFilter()
	query := archive.FlowQuery{Range: f.asked.archive(), WithoutOwn: !filter.GetOwn(), Failed: f.request.GetFailed()}
	if filter.GetEdgeId() != "" {
		query.Edges = []string{filter.GetEdgeId()}
	}
	if port := filter.GetPort(); port != 0 {
		query.Ports = []uint16{uint16(port)}
	}
	last := map[string]*archive.Flow{}
	found := newNewest(limit, func(row *archive.Flow) (time.Time, string) { return f.end(row), row.Connection })
	err := f.each(query, func(row *archive.Flow) {
		if !f.wanted(row) {
			return
		}
		// A connection that ended within its first row has no other.
		if row.State == model.PhaseClosed && !row.From.After(row.Opened) && !row.Opened.IsZero() {
			if f.listed(row) {
				found.add(row)
			}
			return
		}
		if before := last[row.Connection]; before == nil || row.To.After(before.To) {
			held := *row
			last[row.Connection] = &held
		}
	})
	if err != nil {
		return nil, false, err
	}
	for _, row := range last {
		if f.listed(row) {
			found.add(row)
		}
	}
	rows, more := found.take()
	return rows, more, nil
}

// listed tells whether a connection belongs on this page or a later one, by its newest row.
func (f *flowSearch) listed(row *archive.Flow) bool {
	return f.request.GetPageToken() == "" || f.end(row).Before(f.before)
}

// wanted tells whether a row is of a connection that is asked for.
func (f *flowSearch) wanted(row *archive.Flow) bool {
	if f.request.GetFailed() && row.Failure == model.FailureNone {
		return false
	}
	m := f.matcher
	edge := m.edge(row.Edge, row.Client, row.Server, row.Own)
	if !edge.chosen {
		return false
	}
	c := sides(row)
	if m.ports && c.ServerAddress().Port() != m.port {
		return false
	}
	return edge.mentioned || contains(c.ClientAddress().String(), m.text) || contains(c.ServerAddress().String(), m.text) ||
		contains(row.ClientSide.Process, m.text) || contains(row.ServerSide.Process, m.text)
}

// complete adds to each connection on the page what it did before its newest row.
func (f *flowSearch) complete(page []*archive.Flow) error {
	unfinished := map[string]*archive.Flow{}
	var ids []string
	for _, row := range page {
		if row.From.After(row.Opened) {
			unfinished[row.Connection] = row
			ids = append(ids, row.Connection)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	ends := map[string]time.Time{}
	for id, row := range unfinished {
		ends[id] = row.From
	}
	return f.each(archive.FlowQuery{Range: f.asked.archive(), Connections: ids}, func(row *archive.Flow) {
		into := unfinished[row.Connection]
		if into == nil || !row.From.Before(ends[row.Connection]) {
			return
		}
		into.Sent += row.Sent
		into.Received += row.Received
		into.Segments += row.Segments
		into.Retransmits += row.Retransmits
		into.ResetsSent += row.ResetsSent
		into.ResetsReceived += row.ResetsReceived
	})
}

// sides is a row as a connection, for its addresses.
func sides(row *archive.Flow) *graph.Connection {
	return &graph.Connection{Client: row.ClientSide, Server: row.ServerSide}
}

func pastConnection(row *archive.Flow) *queryv1.Connection {
	edge := &graph.Edge{ID: row.Edge, Client: &graph.Node{Name: row.Client.Name}, Server: &graph.Node{Name: row.Server.Name}}
	return connection(&graph.Connection{
		ID: row.Connection, Edge: edge, Client: row.ClientSide, Server: row.ServerSide, State: row.State, Failure: row.Failure,
		Adopted: row.Adopted, Opened: row.Opened, Closed: row.Closed, Sent: row.Sent, Received: row.Received,
		Segments: row.Segments, Retransmits: row.Retransmits, ResetsSent: row.ResetsSent, ResetsReceived: row.ResetsReceived,
		SmoothedRTT: row.SmoothedRTT, MinRTT: row.MinRTT, Handshake: row.Handshake,
	})
}
