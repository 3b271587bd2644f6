// SPDX-License-Identifier: Apache-2.0

package query

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	queryv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/query/v1"
	"github.com/aeolus-ebpf/aeolus/internal/controller/engine"
)

const (
	defaultAnomalies = 200
	mostAnomalies    = 2048
)

// State is what is kept of anomalies beyond what the engine remembers.
type State interface {
	// Past gives the anomalies that lasted at some instant of a range, those that opened last first, until the function
	// returns false. Either end may be zero.
	Past(ctx context.Context, from, to time.Time, visit func(*engine.Anomaly) bool) error
	// Acknowledge and Unacknowledge keep what somebody says of an anomaly, and give it as it is from then on. It is nil
	// where there is none of that id.
	Acknowledge(ctx context.Context, id string, a engine.Acknowledgement) (*engine.Anomaly, error)
	Unacknowledge(ctx context.Context, id string) (*engine.Anomaly, error)
}

// ListAnomalies gives anomalies, open ones first, worst first; those of a range of time newest first.
func (s *Service) ListAnomalies(ctx context.Context, request *queryv1.ListAnomaliesRequest) (*queryv1.ListAnomaliesResponse, error) {
	limit := bounded(request.GetLimit(), defaultAnomalies, mostAnomalies)
	if request.GetFrom() != nil || request.GetTo() != nil {
		return s.pastAnomalies(ctx, request, limit)
	}
	now, found, err := s.anomalies(ctx, request, time.Time{}, time.Time{}, mostAnomalies)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(found, worstFirst)
	response := &queryv1.ListAnomaliesResponse{}
	for _, a := range found[:min(limit, len(found))] {
		response.Anomalies = append(response.Anomalies, anomaly(a, now))
	}
	return response, nil
}

// pastAnomalies gives those of a range, page by page.
func (s *Service) pastAnomalies(ctx context.Context, request *queryv1.ListAnomaliesRequest, limit int) (*queryv1.ListAnomaliesResponse, error) {
	from, to := instant(request.GetFrom()), instant(request.GetTo())
	if !from.IsZero() && !to.IsZero() && to.Before(from) {
		return nil, invalid("the range ends before it begins")
	}
	after, err := parsePlace(request.GetPageToken())
	if err != nil {
		return nil, err
	}
	ranged := proto.CloneOf(request)
	ranged.Ended = true
	// Two that opened at the same instant may lie on different pages.
	until := to
	if !after.opened.IsZero() {
		until = after.opened
	}
	now, found, err := s.anomalies(ctx, ranged, from, until, math.MaxInt)
	if err != nil {
		return nil, err
	}
	found = slices.DeleteFunc(found, func(a *engine.Anomaly) bool { return !after.before(a) })
	slices.SortFunc(found, newestFirst)
	response := &queryv1.ListAnomaliesResponse{}
	for _, a := range found[:min(limit, len(found))] {
		response.Anomalies = append(response.Anomalies, anomaly(a, now))
	}
	if len(found) > limit {
		response.NextPageToken = placeOf(found[limit-1])
	}
	return response, nil
}

// anomalies finds what a request wants and lasted at some instant of a range: in memory, and about so many of those that
// have been forgotten there.
func (s *Service) anomalies(
	ctx context.Context, request *queryv1.ListAnomaliesRequest, from, to time.Time, enough int,
) (now time.Time, found []*engine.Anomaly, err error) {
	known := map[string]bool{}
	var m, kept matcher
	take := func(a *engine.Anomaly) bool {
		if known[a.ID] {
			return true
		}
		known[a.ID] = true
		within := (to.IsZero() || !a.Opened.After(to)) && (a.Closed.IsZero() || !a.Closed.Before(from))
		if within && wantedAnomaly(m, a) {
			found = append(found, a)
		}
		return len(found) < enough
	}
	s.config.Engine.Read(func(v engine.View) {
		now, m = v.Now, newMatcher(request.GetFilter(), v)
		// Whether an edge is unhealthy is known of those in memory alone; what is kept was an anomaly.
		sick := proto.CloneOf(request.GetFilter())
		if sick != nil {
			sick.Unhealthy = false
		}
		kept = newMatcher(sick, v)
		for _, a := range v.Open() {
			take(a)
		}
		if request.GetEnded() {
			v.Ended(func(a *engine.Anomaly) bool { take(a); return true })
		}
	})
	if !request.GetEnded() || s.config.State == nil || len(found) >= enough {
		return now, found, nil
	}
	m = kept
	if err := s.config.State.Past(ctx, from, to, take); err != nil {
		return now, nil, connect.NewError(connect.CodeInternal, err)
	}
	return now, found, nil
}

// wantedAnomaly tells whether a filter selects an anomaly. One that is on no edge has nothing but its text.
func wantedAnomaly(m matcher, a *engine.Anomaly) bool {
	if a.On == nil {
		f := m.filter
		placed := f.GetEdgeId() != "" || f.GetWorkload() != "" || f.GetClient() != "" || f.GetServer() != "" || f.GetNamespace() != "" || f.GetPort() != 0
		return !placed && (contains(a.Summary, m.text) || contains(a.Subject, m.text))
	}
	if m.text != "" && contains(a.Summary, m.text) {
		return m.structure(a.On)
	}
	return m.edge(a.On)
}

func anomaly(a *engine.Anomaly, now time.Time) *queryv1.Anomaly {
	message := &queryv1.Anomaly{
		Id: a.ID, Kind: string(a.Kind), Severity: severityHealth(a.Severity), EdgeId: a.Edge,
		Opened: stamp(a.Opened), Closed: stamp(a.Closed), Changed: stamp(a.Changed), Summary: a.Summary, Events: a.Events,
		Subject: a.Subject, Labels: a.Labels, Unconfirmed: a.Unconfirmed,
	}
	if a.On != nil {
		message.ClientName, message.ServerName = a.On.Client.Name, a.On.Server.Name
	}
	if a.Acknowledged(now) {
		message.Acknowledgement = &queryv1.Acknowledgement{
			Who: a.Acknowledgement.Who, Comment: a.Acknowledgement.Comment, At: stamp(a.Acknowledgement.At), Until: stamp(a.Acknowledgement.Until),
		}
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

func newestFirst(a, b *engine.Anomaly) int {
	return cmp.Or(b.Opened.Compare(a.Opened), cmp.Compare(a.ID, b.ID))
}

// anomalyPlace is where a page of anomalies ended: after the one that opened then and has that id.
type anomalyPlace struct {
	opened time.Time
	id     string
}

func placeOf(a *engine.Anomaly) string {
	return strconv.FormatInt(a.Opened.UnixNano(), 36) + "." + a.ID
}

func parsePlace(token string) (anomalyPlace, error) {
	if token == "" {
		return anomalyPlace{}, nil
	}
	opened, id, ok := strings.Cut(token, ".")
	nanoseconds, err := strconv.ParseInt(opened, 36, 64)
	if err != nil || !ok {
		return anomalyPlace{}, invalid("page_token is not one that an answer gave")
	}
	return anomalyPlace{time.Unix(0, nanoseconds), id}, nil
}

// before tells whether an anomaly comes after the place.
func (p anomalyPlace) before(a *engine.Anomaly) bool {
	return p.opened.IsZero() || a.Opened.Before(p.opened) || a.Opened.Equal(p.opened) && a.ID > p.id
}

// instant converts a time; unset is the zero time.
func instant(t *timestamppb.Timestamp) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.AsTime()
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
					response.Anomalies = append(response.Anomalies, anomaly(a, v.Now))
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
