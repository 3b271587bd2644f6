// SPDX-License-Identifier: Apache-2.0

package query

import (
	"context"
	"math"
	"time"

	queryv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/query/v1"
	"github.com/aeolus-ebpf/aeolus/internal/controller/engine"
	"github.com/aeolus-ebpf/aeolus/internal/controller/history"
	"github.com/aeolus-ebpf/aeolus/internal/controller/store/archive"
	"github.com/aeolus-ebpf/aeolus/internal/graph"
)

// piece is what an edge did in a part of the time.
type piece struct {
	hours
	sum graph.Bucket
}

// pastSeries gives an edge's figures from memory and the archive together; see recall for how they are joined.
func (s *Service) pastSeries(ctx context.Context, id string, asked seconds) (*queryv1.Series, error) {
	budget, cancel := s.budget(ctx)
	defer cancel()
	whole := hours{time.Unix(asked.from, 0), time.Unix(asked.to+1, 0)}
	var written time.Time
	var pieces []piece
	var found, clientReports bool
	s.config.Engine.Read(func(v engine.View) {
		written = time.Unix(v.Graph.Taken(), 0)
		if edge := v.Graph.Edges()[id]; edge != nil {
			found, clientReports = true, edge.ClientReports
			pieces = unwritten(edge, max(asked.from, v.Graph.Taken()), asked.to)
		}
	})
	s.config.Past.Recorder.Flush()
	known := s.gaps(whole)
	coarsest := history.Stretch
	err := eachEdge(budget, s.config.Past.Archive, archive.EdgeQuery{Range: whole.archive(), Edges: []string{id}},
		func(err *archive.SegmentError) { known = append(known, gapOf(err)) },
		func(row *archive.Edge) {
			if !row.From.Before(written) {
				return
			}
			found, clientReports = true, clientReports || row.ByClient
			coarsest = max(coarsest, row.Length)
			pieces = append(pieces, piece{hours{row.From, row.From.Add(row.Length)}, row.Bucket})
		})
	if err != nil {
		return nil, budget.explain(err)
	}
	if !found {
		return nil, unknownEdge(id)
	}
	series := draw(pastPoints(pieces, known, asked.coarser(coarsest)), clientReports, asked.coarser(coarsest).step)
	series.Gaps = gaps(known)
	return series, nil
}

// unwritten gives what an edge did, as far as it has not been written down.
func unwritten(edge *graph.Edge, from, to int64) []piece {
	if from > to {
		return nil
	}
	var pieces []piece
	for _, second := range edge.Seconds(from, to) {
		at := time.Unix(second.Second, 0)
		pieces = append(pieces, piece{hours{at, at.Add(time.Second)}, second})
	}
	if late := edge.Late(); !late.IsZero() {
		at := time.Unix(from, 0)
		late.Open = int32(edge.Open)
		pieces = append(pieces, piece{hours{at, at}, late})
	}
	return pieces
}

// coarser widens the steps to whole multiples of the stretches that there are.
func (s seconds) coarser(stretch time.Duration) seconds {
	least := max(int64(stretch/time.Second), 1)
	s.step = (s.step + least - 1) / least * least
	s.from -= ((s.from % least) + least) % least
	return s
}

// pastPoints adds up the pieces step by step.
func pastPoints(pieces []piece, gaps []archive.Gap, asked seconds) []point {
	if asked.to < asked.from {
		return nil
	}
	points := make([]point, (asked.to-asked.from)/asked.step+1)
	openAt := make([]time.Time, len(points))
	for i := range pieces {
		p := &pieces[i]
		n := min(max((p.from.Unix()-asked.from)/asked.step, 0), int64(len(points)-1))
		points[n].sum.Add(&p.sum)
		if p.to.After(openAt[n]) {
			openAt[n] = p.to
			points[n].open = float64(max(p.sum.Open, 0))
		}
	}
	open := math.NaN()
	for i := range points {
		p := &points[i]
		p.start = asked.from + int64(i)*asked.step
		step := hours{time.Unix(p.start, 0), time.Unix(min(p.start+asked.step, asked.to+1), 0)}
		r := recalled{known: step, gaps: gaps}
		p.width = r.seconds()
		switch {
		case !openAt[i].IsZero():
			open = p.open
		case p.width <= 0:
			// Whatever was open then, nobody has seen it.
			open = math.NaN()
		}
		p.open = open
	}
	return points
}
