// SPDX-License-Identifier: Apache-2.0

package query

import (
	"context"
	"math"
	"time"

	queryv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/query/v1"
	"github.com/aeolus-ebpf/aeolus/internal/controller/engine"
	"github.com/aeolus-ebpf/aeolus/internal/graph"
	"github.com/aeolus-ebpf/aeolus/internal/model"
)

// mostPoints bounds a series.
const mostPoints = 3600

// GetSeries gives an edge's figures over time.
func (s *Service) GetSeries(_ context.Context, request *queryv1.GetSeriesRequest) (*queryv1.Series, error) {
	var series *queryv1.Series
	var problem error
	s.config.Engine.Read(func(v engine.View) {
		edge := v.Graph.Edges()[request.GetEdgeId()]
		if edge == nil {
			problem = unknown("no edge has the id %q, or it has been forgotten", request.GetEdgeId())
			return
		}
		to := v.Now.Unix() - 1
		if request.GetTo() != nil {
			to = min(to, request.GetTo().AsTime().Unix())
		}
		from := to - int64(v.Graph.History()/time.Second) + 1
		if request.GetFrom() != nil {
			from = max(from, request.GetFrom().AsTime().Unix())
		}
		from = max(from, edge.FirstSeen.Unix())
		step := max(int64(request.GetStep().AsDuration()/time.Second), 1)
		if from > to {
			series = &queryv1.Series{}
			return
		}
		if (to-from)/step > mostPoints {
			problem = invalid("the series would have %d points, but may have %d: ask for a larger step", (to-from)/step, mostPoints)
			return
		}
		series = draw(edge, from, to, step)
	})
	return series, problem
}

// lines of a series, in the order in which they are sent.
var lines = []struct {
	name, unit string
	value      func(f *queryv1.Figures) *float64
}{
	{"opens_per_second", "1/s", func(f *queryv1.Figures) *float64 { return f.OpensPerSecond }},
	{"established_per_second", "1/s", func(f *queryv1.Figures) *float64 { return f.EstablishedPerSecond }},
	{"closes_per_second", "1/s", func(f *queryv1.Figures) *float64 { return f.ClosesPerSecond }},
	{"sent_bytes_per_second", "bytes/s", func(f *queryv1.Figures) *float64 { return f.SentBytesPerSecond }},
	{"received_bytes_per_second", "bytes/s", func(f *queryv1.Figures) *float64 { return f.ReceivedBytesPerSecond }},
	{"segments_per_second", "1/s", func(f *queryv1.Figures) *float64 { return f.SegmentsPerSecond }},
	{"failure_ratio", "ratio", func(f *queryv1.Figures) *float64 { return f.FailureRatio }},
	{"retransmit_ratio", "ratio", func(f *queryv1.Figures) *float64 { return f.RetransmitRatio }},
	{"smoothed_rtt_seconds", "s", func(f *queryv1.Figures) *float64 { return f.SmoothedRttSeconds }},
	{"min_rtt_seconds", "s", func(f *queryv1.Figures) *float64 { return f.MinRttSeconds }},
	{"handshake_seconds", "s", func(f *queryv1.Figures) *float64 { return f.HandshakeSeconds }},
}

func draw(edge *graph.Edge, from, to, step int64) *queryv1.Series {
	series := &queryv1.Series{}
	for _, line := range lines {
		series.Lines = append(series.Lines, &queryv1.Line{Name: line.name, Unit: line.unit})
	}
	open := &queryv1.Line{Name: "open_connections", Unit: "1"}
	seen := [int(model.FailureNeverSent) + 1]*queryv1.Line{}
	seconds := edge.Seconds(from, to)
	for i := range seconds {
		for kind, n := range seconds[i].Failures {
			if n > 0 && seen[kind] == nil {
				seen[kind] = &queryv1.Line{Name: "failures." + model.Failure(kind).String(), Unit: "1/s"}
			}
		}
	}
	for start := from; start <= to; start += step {
		end := min(start+step-1, to)
		var sum graph.Bucket
		part := edge.Seconds(start, end)
		for i := range part {
			sum.Add(&part[i])
		}
		width := float64(end - start + 1)
		f := figuresOf(&sum, width, edge.ClientReports)
		series.Times = append(series.Times, float64(start))
		for i, line := range lines {
			series.Lines[i].Values = append(series.Lines[i].Values, known(line.value(f)))
		}
		count := math.NaN()
		if n, ok := edge.OpenAt(end); ok {
			count = float64(max(n, 0))
		}
		open.Values = append(open.Values, count)
		for kind, line := range seen {
			if line != nil {
				line.Values = append(line.Values, float64(sum.Failures[kind])/width)
			}
		}
	}
	series.Lines = append(series.Lines, open)
	for _, line := range seen {
		if line != nil {
			series.Lines = append(series.Lines, line)
		}
	}
	return series
}

func known(value *float64) float64 {
	if value == nil {
		return math.NaN()
	}
	return *value
}
