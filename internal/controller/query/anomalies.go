// SPDX-License-Identifier: Apache-2.0

package query

import (
	"context"
	"slices"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/durationpb"

	queryv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/query/v1"
	"github.com/aeolus-ebpf/aeolus/internal/controller/engine"
)

const (
	defaultAnomalies = 200
	mostAnomalies    = 2048
)

// ListAnomalies gives anomalies, open ones first, worst first.
func (s *Service) ListAnomalies(_ context.Context, request *queryv1.ListAnomaliesRequest) (*queryv1.ListAnomaliesResponse, error) {
	limit := bounded(request.GetLimit(), defaultAnomalies, mostAnomalies)
	response := &queryv1.ListAnomaliesResponse{}
	s.config.Engine.Read(func(v engine.View) {
		m := newMatcher(request.GetFilter(), v)
		var found []*engine.Anomaly
		for _, a := range v.Open() {
			if wantedAnomaly(m, a) {
				found = append(found, a)
			}
		}
		if request.GetEnded() {
			v.Ended(func(a *engine.Anomaly) bool {
				if wantedAnomaly(m, a) {
					found = append(found, a)
				}
				return true
			})
		}
		slices.SortFunc(found, worstFirst)
		for _, a := range found[:min(limit, len(found))] {
			response.Anomalies = append(response.Anomalies, anomaly(a))
		}
	})
	return response, nil
}

func wantedAnomaly(m matcher, a *engine.Anomaly) bool {
	if m.text != "" && contains(a.Summary, m.text) {
		return m.structure(a.On)
	}
	return m.edge(a.On)
}

func anomaly(a *engine.Anomaly) *queryv1.Anomaly {
	message := &queryv1.Anomaly{
		Id: a.ID, Kind: string(a.Kind), Severity: severityHealth(a.Severity), EdgeId: a.Edge,
		ClientName: a.On.Client.Name, ServerName: a.On.Server.Name, Opened: stamp(a.Opened), Closed: stamp(a.Closed),
		Changed: stamp(a.Changed), Summary: a.Summary, Events: a.Events,
	}
	if a.Detection > 0 {
		message.Detection = durationpb.New(a.Detection)
	}
	for _, e := range a.Evidence {
		value := e.Value
		evidence := &queryv1.Evidence{Time: stamp(e.Time), Text: e.Text, Value: &value, Unit: e.Unit}
		if e.HasUsual {
			usual := e.Usual
			evidence.Usual = &usual
		}
		message.Evidence = append(message.Evidence, evidence)
	}
	return message
}

// WatchAnomalies sends the anomalies that there are, then each as it opens, changes and closes.
func (s *Service) WatchAnomalies(
	ctx context.Context, request *queryv1.ListAnomaliesRequest, stream *connect.ServerStream[queryv1.ListAnomaliesResponse],
) error {
	changes := s.config.Engine.Anomalies.Subscribe(watchQueue)
	defer changes.Close()
	first, err := s.ListAnomalies(ctx, request)
	if err != nil {
		return err
	}
	if err := stream.Send(first); err != nil {
		return err
	}
	for {
		batch, ok := gather(ctx, changes.C(), watchBatch)
		if !ok {
			return nil
		}
		response := &queryv1.ListAnomaliesResponse{}
		s.config.Engine.Read(func(v engine.View) {
			m := newMatcher(request.GetFilter(), v)
			for _, a := range batch {
				if wantedAnomaly(m, a) {
					response.Anomalies = append(response.Anomalies, anomaly(a))
				}
			}
		})
		if len(response.Anomalies) == 0 {
			continue
		}
		if err := stream.Send(response); err != nil {
			return err
		}
	}
}
