// SPDX-License-Identifier: Apache-2.0

package query

import (
	"context"
	"maps"
	"slices"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/durationpb"

	queryv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/query/v1"
	"github.com/aeolus-ebpf/aeolus/internal/controller/engine"
	"github.com/aeolus-ebpf/aeolus/internal/model"
)

const (
	defaultEvents = 500
	mostEvents    = 10000
)

// eventKinds are those that can be asked for.
var eventKinds = []model.EventKind{
	model.EventRefused, model.EventTimedOut, model.EventGivenUp, model.EventUnreachable, model.EventNoRoute,
	model.EventNeverSent, model.EventRetrying, model.EventReset, model.EventNewEdge, model.EventLog,
}

// ListEvents gives the newest events, newest last.
func (s *Service) ListEvents(ctx context.Context, request *queryv1.ListEventsRequest) (*queryv1.ListEventsResponse, error) {
	for _, kind := range request.GetKinds() {
		if !slices.Contains(eventKinds, model.EventKind(kind)) {
			return nil, invalid("there is no kind of event called %q", kind)
		}
	}
	limit := bounded(request.GetLimit(), defaultEvents, mostEvents)
	if request.GetSince() != nil || request.GetTo() != nil || request.GetPageToken() != "" {
		if s.config.Past != nil {
			return s.pastEvents(ctx, request, limit)
		}
		if request.GetPageToken() != "" {
			return nil, nothingKept()
		}
	}
	response := &queryv1.ListEventsResponse{}
	s.config.Engine.Read(func(v engine.View) {
		wanted := eventMatcher{request, newMatcher(request.GetFilter(), v)}
		var found []*engine.Event
		v.Events(func(e *engine.Event) bool {
			if wanted.matches(e) {
				found = append(found, e)
			}
			return true
		})
		for _, e := range found[max(len(found)-limit, 0):] {
			response.Events = append(response.Events, event(e))
		}
	})
	return response, nil
}

type eventMatcher struct {
	request *queryv1.ListEventsRequest
	edges   matcher
}

func (m eventMatcher) matches(e *engine.Event) bool {
	if len(m.request.GetKinds()) > 0 && !slices.Contains(m.request.GetKinds(), string(e.Kind)) {
		return false
	}
	if m.request.GetSince() != nil && e.Time.Before(m.request.GetSince().AsTime()) {
		return false
	}
	if m.request.GetTo() != nil && !e.Time.Before(m.request.GetTo().AsTime()) {
		return false
	}
	if !m.edges.structure(e.Edge) {
		return false
	}
	text := m.edges.text
	return text == "" || m.edges.mentions(e.Edge) || contains(e.Text, text) || contains(e.Process, text) ||
		contains(e.Client.String(), text) || contains(e.Server.String(), text)
}

func event(e *engine.Event) *queryv1.Event {
	message := &queryv1.Event{
		Id: e.ID, Time: stamp(e.Time), Kind: string(e.Kind), EdgeId: e.Edge.ID, ClientName: e.Edge.Client.Name,
		ServerName: e.Edge.Server.Name, Reporter: e.Reporter, Node: e.Node, Pid: e.PID, Process: e.Process, Text: e.Text,
		Latency: durationpb.New(e.Latency), Attributes: maps.Clone(e.Attributes),
	}
	if e.Client.IsValid() {
		message.ClientAddress = e.Client.String()
	}
	if e.Server.IsValid() {
		message.ServerAddress = e.Server.String()
	}
	return message
}

// WatchEvents sends the newest events, then each as it arrives.
func (s *Service) WatchEvents(
	ctx context.Context, request *queryv1.ListEventsRequest, stream *connect.ServerStream[queryv1.ListEventsResponse],
) error {
	arriving := s.config.Engine.Events.Subscribe(watchQueue)
	defer arriving.Close()
	first, err := s.ListEvents(ctx, request)
	if err != nil {
		return err
	}
	sent := make(map[string]struct{}, len(first.Events))
	for _, e := range first.Events {
		sent[e.Id] = struct{}{}
	}
	if err := stream.Send(first); err != nil {
		return err
	}
	for {
		batch, ok := gather(ctx, arriving.C(), watchBatch)
		if !ok {
			return nil
		}
		response := &queryv1.ListEventsResponse{}
		s.config.Engine.Read(func(v engine.View) {
			wanted := eventMatcher{request, newMatcher(request.GetFilter(), v)}
			for _, e := range batch {
				// What came between the subscription and the list is in both.
				if _, twice := sent[e.ID]; twice || !wanted.matches(e) {
					continue
				}
				response.Events = append(response.Events, event(e))
			}
		})
		if len(sent) > 0 && len(arriving.C()) == 0 {
			clear(sent)
		}
		if len(response.Events) == 0 {
			continue
		}
		if err := stream.Send(response); err != nil {
			return err
		}
	}
}
