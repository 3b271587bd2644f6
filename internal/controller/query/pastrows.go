// SPDX-License-Identifier: Apache-2.0

package query

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/durationpb"

	queryv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/query/v1"
	"github.com/aeolus-ebpf/aeolus/internal/controller/engine"
	"github.com/aeolus-ebpf/aeolus/internal/controller/history"
	"github.com/aeolus-ebpf/aeolus/internal/controller/store/archive"
)

// each gives the rows of an answer to a function, as far as the budget reaches. What a broken segment held is missing.
func each[R any](b *budget, rows iter.Seq2[*R, error], broken func(*archive.SegmentError), visit func(*R)) error {
	for row, err := range rows {
		var segment *archive.SegmentError
		switch {
		case errors.As(err, &segment):
			broken(segment)
			continue
		case err != nil:
			return err
		}
		if err := b.spend(); err != nil {
			return err
		}
		visit(row)
	}
	return b.ctx.Err()
}

func eachEdge(b *budget, from *archive.Archive, query archive.EdgeQuery, broken func(*archive.SegmentError), visit func(*archive.Edge)) error {
	return each(b, from.Edges(b.ctx, query), broken, visit)
}

func eachInstance(b *budget, from *archive.Archive, query archive.InstanceQuery, broken func(*archive.SegmentError), visit func(*archive.Instance)) error {
	return each(b, from.Instances(b.ctx, query), broken, visit)
}

func eachFlow(b *budget, from *archive.Archive, query archive.FlowQuery, broken func(*archive.SegmentError), visit func(*archive.Flow)) error {
	return each(b, from.Flows(b.ctx, query), broken, visit)
}

func eachEvent(b *budget, from *archive.Archive, query archive.EventQuery, broken func(*archive.SegmentError), visit func(*archive.Event)) error {
	return each(b, from.Events(b.ctx, query), broken, visit)
}

// retention is how far back may be asked for.
func (p *Past) retention() time.Duration {
	if p.MaxAge <= 0 {
		return 7 * 24 * time.Hour
	}
	return p.MaxAge
}

// oldest is the time from which on something is kept; zero while nothing is.
func (p *Past) oldest() time.Time {
	bounds := p.Archive.Bounds()
	if !bounds.Edges.Oldest.IsZero() {
		return bounds.Edges.Oldest
	}
	oldest := bounds.Flows.Oldest
	if events := bounds.Events.Oldest; !events.IsZero() && (oldest.IsZero() || events.Before(oldest)) {
		oldest = events
	}
	return oldest
}

// gaps lists what within a stretch of time is not known: what was lost, and what was before anything was kept.
func (s *Service) gaps(asked hours) []archive.Gap {
	list := s.config.Past.Archive.Gaps(asked.archive())
	for _, gap := range s.config.Past.Absences {
		if asked.overlap(gap.From, gap.To) > 0 {
			list = append(list, gap)
		}
	}
	slices.SortStableFunc(list, func(a, b archive.Gap) int { return a.From.Compare(b.From) })
	oldest := s.config.Past.oldest()
	s.config.Engine.Read(func(v engine.View) {
		if oldest.IsZero() || v.Started.Before(oldest) {
			oldest = v.Started
		}
	})
	if end := oldest.Truncate(time.Second); asked.from.Before(end) {
		if asked.to.Before(end) {
			end = asked.to
		}
		list = append([]archive.Gap{{From: asked.from, To: end, Reason: "nothing is kept from before"}}, list...)
	}
	return list
}

// describePast says what is kept.
func (s *Service) describePast(status *queryv1.Status) {
	p := s.config.Past
	if p.Archive == nil {
		return
	}
	bounds := p.Archive.Bounds()
	kept := &queryv1.History{
		Oldest: stamp(p.oldest()), Newest: stamp(bounds.Edges.Newest), MaxBytes: uint64(max(p.MaxBytes, 0)),
		MaxAge: durationpb.New(p.retention()), Resolution: durationpb.New(history.Stretch),
		Gaps: gaps(append(p.Archive.Gaps(archive.Range{}), p.Absences...)),
	}
	for _, table := range p.Archive.Stats().Tables {
		kept.Bytes += uint64(max(table.Bytes, 0))
	}
	status.Archive = kept
	if oldest := p.oldest(); !oldest.IsZero() {
		status.History = durationpb.New(max(status.Now.AsTime().Sub(oldest), status.History.AsDuration()))
	}
}

// keptAnomalies gives the anomalies of a stretch of time that are kept beyond what the engine remembers.
func (s *Service) keptAnomalies(ctx context.Context, asked hours) ([]*engine.Anomaly, error) {
	if s.config.State == nil {
		return nil, nil
	}
	var list []*engine.Anomaly
	err := s.config.State.Past(ctx, asked.from, asked.to, func(a *engine.Anomaly) bool {
		list = append(list, a)
		return len(list) < mostAnomalies
	})
	if err != nil {
		return nil, connect.NewError(connect.CodeInternal, fmt.Errorf("reading the anomalies that are kept: %w", err))
	}
	return list, nil
}
