// SPDX-License-Identifier: Apache-2.0

package query

import (
	"cmp"
	"context"
	"slices"
	"time"

	"connectrpc.com/connect"

	queryv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/query/v1"
	"github.com/aeolus-ebpf/aeolus/internal/controller/engine"
	"github.com/aeolus-ebpf/aeolus/internal/graph"
	"github.com/aeolus-ebpf/aeolus/internal/model"
)

const (
	defaultConnections = 500
	mostConnections    = 10000
	// watchQueue is how many changes wait for one client.
	watchQueue = 1024
	watchBatch = 256
)

// ListConnections gives the connections in memory, newest first, or those of a time that is asked for.
func (s *Service) ListConnections(ctx context.Context, request *queryv1.ListConnectionsRequest) (*queryv1.ListConnectionsResponse, error) {
	limit := bounded(request.GetLimit(), defaultConnections, mostConnections)
	if request.GetFrom() != nil || request.GetTo() != nil || request.GetPageToken() != "" {
		if s.config.Past == nil {
			return nil, nothingKept()
		}
		return s.pastConnections(ctx, request, limit)
	}
	response := &queryv1.ListConnectionsResponse{}
	s.config.Engine.Read(func(v engine.View) {
		wanted := newConnectionMatcher(v, request)
		var found []*graph.Connection
		v.Graph.Connections.Each(request.GetClosed() || request.GetFailed(), func(c *graph.Connection) bool {
			if wanted.matches(c) {
				found = append(found, c)
			}
			return true
		})
		slices.SortFunc(found, func(a, b *graph.Connection) int {
			return cmp.Or(b.Opened.Compare(a.Opened), cmp.Compare(a.ID, b.ID))
		})
		response.Truncated = len(found) > limit
		for _, c := range found[:min(limit, len(found))] {
			response.Connections = append(response.Connections, connection(c))
		}
	})
	return response, nil
}

// connectionMatcher decides which connections a question is about.
type connectionMatcher struct {
	request *queryv1.ListConnectionsRequest
	edges   matcher
	known   map[*graph.Edge][2]bool
}

func newConnectionMatcher(v engine.View, request *queryv1.ListConnectionsRequest) *connectionMatcher {
	return &connectionMatcher{
		request: request, edges: newMatcher(request.GetFilter(), v), known: map[*graph.Edge][2]bool{},
	}
}

func (m *connectionMatcher) matches(c *graph.Connection) bool {
	if c.Edge == nil || (m.request.GetFailed() && c.Failure == model.FailureNone) {
		return false
	}
	known, ok := m.known[c.Edge]
	if !ok {
		known = [2]bool{m.edges.structure(c.Edge), m.edges.text == "" || m.edges.mentions(c.Edge)}
		m.known[c.Edge] = known
	}
	if !known[0] {
		return false
	}
	if port := m.edges.filter.GetPort(); port != 0 && uint32(c.ServerAddress().Port()) != port {
		return false
	}
	return known[1] || contains(c.ClientAddress().String(), m.edges.text) ||
		contains(c.ServerAddress().String(), m.edges.text) || contains(c.Client.Process, m.edges.text) ||
		contains(c.Server.Process, m.edges.text)
}

func connection(c *graph.Connection) *queryv1.Connection {
	message := &queryv1.Connection{
		Id: c.ID, EdgeId: c.Edge.ID, ClientName: c.Edge.Client.Name, ServerName: c.Edge.Server.Name,
		ClientAddress: c.ClientAddress().String(), ServerAddress: c.ServerAddress().String(), Reporter: c.Reporter(),
		State: c.State.String(), Opened: stamp(c.Opened), SentBytes: c.Sent, ReceivedBytes: c.Received,
		Segments: c.Segments, Retransmits: c.Retransmits, ClientPid: c.Client.PID, ClientProcess: c.Client.Process,
		ServerPid: c.Server.PID, ServerProcess: c.Server.Process, Adopted: c.Adopted, ResetsSent: c.ResetsSent,
		ResetsReceived: c.ResetsReceived, SmoothedRttSeconds: positive(c.SmoothedRTT), MinRttSeconds: positive(c.MinRTT),
		HandshakeSeconds: positive(c.Handshake),
	}
	if translated, ok := c.Translated(); ok {
		message.TranslatedAddress = translated.String()
	}
	if c.State == model.PhaseClosed {
		message.Closed = stamp(c.Closed)
	}
	if c.Failure != model.FailureNone {
		message.Failure = c.Failure.String()
		message.State = "failed"
	}
	return message
}

// positive gives a time in seconds, or nothing where it is not known.
func positive(d time.Duration) *float64 {
	if d <= 0 {
		return nil
	}
	value := d.Seconds()
	return &value
}

// WatchConnections sends connections as they open, change or end.
func (s *Service) WatchConnections(
	ctx context.Context, request *queryv1.ListConnectionsRequest, stream *connect.ServerStream[queryv1.ListConnectionsResponse],
) error {
	changes := s.config.Engine.Connections.Subscribe(watchQueue)
	defer changes.Close()
	// So that the client learns at once that it is heard.
	if err := stream.Send(&queryv1.ListConnectionsResponse{}); err != nil {
		return err
	}
	for {
		batch, ok := gather(ctx, changes.C(), watchBatch)
		if !ok {
			return nil
		}
		response := &queryv1.ListConnectionsResponse{}
		s.config.Engine.Read(func(v engine.View) {
			wanted := newConnectionMatcher(v, request)
			for _, c := range batch {
				if wanted.matches(c) {
					response.Connections = append(response.Connections, connection(c))
				}
			}
		})
		if len(response.Connections) == 0 {
			continue
		}
		if err := stream.Send(response); err != nil {
			return err
		}
	}
}

// gather waits for a value, and takes with it what else has come by then.
func gather[T any](ctx context.Context, from <-chan T, most int) ([]T, bool) {
	var batch []T
	select {
	case <-ctx.Done():
		return nil, false
	case first := <-from:
		batch = append(batch, first)
	}
	for len(batch) < most {
		select {
		case next := <-from:
			batch = append(batch, next)
		default:
			return batch, true
		}
	}
	return batch, true
}
