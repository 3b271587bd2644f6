// SPDX-License-Identifier: Apache-2.0

package query

import (
	"context"
	"math"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	queryv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/query/v1"
	"github.com/aeolus-ebpf/aeolus/internal/controller/engine"
	"github.com/aeolus-ebpf/aeolus/internal/graph"
	"github.com/aeolus-ebpf/aeolus/internal/model"
)

// mostPoints bounds a series.
const mostPoints = 3600

// point is what an edge did in one step of a series.
type point struct {
	start int64
	// width is how many seconds of it are known; 0 where nothing is.
	width float64
	sum   graph.Bucket
	// open is the number of open connections at its end; not-a-number where that is not known.
	open float64
}

// GetSeries gives an edge's figures over time.
func (s *Service) GetSeries(ctx context.Context, request *queryv1.GetSeriesRequest) (*queryv1.Series, error) {
	var series *queryv1.Series
	var problem error
	asked := seconds{step: max(int64(request.GetStep().AsDuration()/time.Second), 1)}
	s.config.Engine.Read(func(v engine.View) {
		asked.to = v.Now.Unix() - 1
		if request.GetTo() != nil {
			asked.to = min(asked.to, request.GetTo().AsTime().Unix())
		}
		asked.from = asked.to - int64(v.Graph.History()/time.Second) + 1
		if request.GetFrom() != nil {
			asked.from = request.GetFrom().AsTime().Unix()
			if s.config.Past == nil {
				asked.from = max(asked.from, asked.to-int64(v.Graph.History()/time.Second)+1)
			}
		}
		if problem = asked.check(); problem != nil || !s.inMemory(v, time.Unix(asked.from, 0)) && asked.from <= asked.to {
			return
		}
		edge := v.Graph.Edges()[request.GetEdgeId()]
		if edge == nil {
			problem = unknownEdge(request.GetEdgeId())
			return
		}
		asked.from = max(asked.from, edge.FirstSeen.Unix())
		series = draw(memoryPoints(edge, asked), edge.ClientReports, asked.step)
	})
	if series != nil || problem != nil {
		return series, problem
	}
	return s.pastSeries(ctx, request.GetEdgeId(), asked)
}

func unknownEdge(id string) error {
	return unknown("no edge has the id %q, or it has been forgotten", id)
}

// seconds are what a series is to show, the last one in it.
type seconds struct{ from, to, step int64 }

func (s seconds) check() error {
	if s.to >= s.from && (s.to-s.from)/s.step > mostPoints {
		return invalid("the series would have %d points, but may have %d: ask for a larger step", (s.to-s.from)/s.step, mostPoints)
	}
	return nil
}

// memoryPoints gives what memory knows of an edge, second by second.
func memoryPoints(edge *graph.Edge, asked seconds) []point {
	var points []point
	for start := asked.from; start <= asked.to; start += asked.step {
		end := min(start+asked.step-1, asked.to)
		p := point{start: start, width: float64(end - start + 1), open: math.NaN()}
		part := edge.Seconds(start, end)
		for i := range part {
			p.sum.Add(&part[i])
		}
		if n, ok := edge.OpenAt(end); ok {
			p.open = float64(max(n, 0))
		}
		points = append(points, p)
	}
	return points
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

// draw makes a series of points.
func draw(points []point, clientReports bool, step int64) *queryv1.Series {
	series := &queryv1.Series{Step: durationpb.New(time.Duration(step) * time.Second)}
	if len(points) == 0 {
		return series
	}
	for _, line := range lines {
		series.Lines = append(series.Lines, &queryv1.Line{Name: line.name, Unit: line.unit})
	}
	open := &queryv1.Line{Name: "open_connections", Unit: "1"}
	seen := failureLines(points)
	for i := range points {
		p := &points[i]
		f := figuresOf(&p.sum, p.width, clientReports)
		series.Times = append(series.Times, float64(p.start))
		for n, line := range lines {
			value := math.NaN()
			if p.width > 0 {
				value = known(line.value(f))
			}
			series.Lines[n].Values = append(series.Lines[n].Values, value)
		}
		open.Values = append(open.Values, p.open)
		for kind, line := range seen {
			if line == nil {
				continue
			}
			value := math.NaN()
			if p.width > 0 {
				value = float64(p.sum.Failures[kind]) / p.width
			}
			line.Values = append(line.Values, value)
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

// failureLines has a line for each kind of failure that there is.
func failureLines(points []point) (seen [int(model.FailureNeverSent) + 1]*queryv1.Line) {
	for i := range points {
		for kind, n := range points[i].sum.Failures {
			if n > 0 && seen[kind] == nil {
				seen[kind] = &queryv1.Line{Name: "failures." + model.Failure(kind).String(), Unit: "1/s"}
			}
		}
	}
	return seen
}

func known(value *float64) float64 {
	if value == nil {
		return math.NaN()
	}
	return *value
}
