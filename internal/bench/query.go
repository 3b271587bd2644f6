// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	queryv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/query/v1"
)

// query measures how long answers take about a day that is kept.
type query struct{}

// Name is query.
func (query) Name() string { return "query" }

// About says what is measured.
func (query) About() string {
	return "the map, an edge's figures and PromQL over a day that is kept, beside a Prometheus with the same samples"
}

// Run makes a day, and asks for it.
func (query) Run(ctx context.Context, run *Run) ([]Row, error) {
	directory, err := workDirectory()
	if err != nil {
		return nil, err
	}
	rows, err := measureQueries(ctx, run, directory)
	return rows, errors.Join(interrupted(ctx, err), os.RemoveAll(directory))
}

func measureQueries(ctx context.Context, run *Run, directory string) (_ []Row, err error) {
	day := newDay(run.Full)
	run.Progress(fmt.Sprintf("making a day of %d edges", day.edges))
	if err := day.fillArchive(filepath.Join(directory, archiveDirectory)); err != nil {
		return nil, err
	}
	other, err := startPrometheus(ctx, run.Prometheus, filepath.Join(directory, "prometheus"))
	if err != nil {
		return nil, err
	}
	defer other.stop()
	run.Progress(fmt.Sprintf("writing a day of %d series", day.series))
	if err := day.fillMetrics(ctx, filepath.Join(directory, metricsDirectory), other); err != nil {
		return nil, err
	}
	s, err := startSubject(-1, directory)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	run.Progress("waiting until everything is merged")
	if err := settled(ctx, directory); err != nil {
		return nil, err
	}
	rows, err := askMaps(ctx, run, s, day)
	if err != nil {
		return nil, err
	}
	more, err := askPromQL(ctx, run, s, other, day)
	if err != nil {
		return nil, err
	}
	sizes, err := day.sizes(directory, other)
	return append(append(rows, more...), sizes...), err
}

// settled waits until the number of files has not changed for a while: what was just written is merged first.
func settled(ctx context.Context, directory string) error {
	const still, most = 5 * time.Second, time.Minute
	began, since, before := time.Now(), time.Now(), -1
	for time.Since(since) < still && time.Since(began) < most {
		count := 0
		for _, place := range []string{archiveDirectory, metricsDirectory, "prometheus"} {
			entries, _ := os.ReadDir(filepath.Join(directory, place))
			count += len(entries)
		}
		if count != before {
			before, since = count, time.Now()
		}
		if err := pause(ctx, 200*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// question is something that is asked again and again.
type question struct {
	name string
	ask  func(context.Context) error
}

// askAll asks each question in turn, and gives its times.
func askAll(ctx context.Context, rounds int, progress func(string), sides map[string][]question) (map[string]map[string][]float64, error) {
	var variants []Variant
	for _, side := range []string{"aeolus", "prometheus"} {
		questions := sides[side]
		if questions == nil {
			continue
		}
		variants = append(variants, Variant{Name: side, Run: func(ctx context.Context, _ int) (map[string]float64, error) {
			took := map[string]float64{}
			for _, q := range questions {
				began := time.Now()
				if err := q.ask(ctx); err != nil {
					return nil, fmt.Errorf("asking for %s: %w", q.name, err)
				}
				took[q.name] = time.Since(began).Seconds()
			}
			return took, nil
		}})
	}
	// The first answer reads what later ones find in memory.
	if _, err := Interleave(ctx, 1, progress, variants...); err != nil {
		return nil, err
	}
	return Interleave(ctx, rounds, progress, variants...)
}

func queryRounds(full bool) int {
	if full {
		return 30
	}
	return 5
}

// askMaps asks for the map and for an edge's figures.
func askMaps(ctx context.Context, run *Run, s *subject, d *day) ([]Row, error) {
	edge := edgeName(d.edges / 2)
	graph := func(window time.Duration) func(context.Context) error {
		return func(ctx context.Context) error {
			answer, err := s.query.GetGraph(ctx, &queryv1.GetGraphRequest{
				At: timestamppb.New(d.end), Window: durationpb.New(window), MaxNodes: uint32(2 * d.edges),
			})
			if got := len(answer.GetEdges()); err == nil && got != d.edges {
				return fmt.Errorf("the map has %d edges instead of %d", got, d.edges)
			}
			return err
		}
	}
	series := func(reach, step time.Duration) func(context.Context) error {
		return func(ctx context.Context) error {
			answer, err := s.query.GetSeries(ctx, &queryv1.GetSeriesRequest{
				EdgeId: edge, From: timestamppb.New(d.end.Add(-reach)), To: timestamppb.New(d.end), Step: durationpb.New(step),
			})
			if err == nil && len(answer.GetTimes()) < 2 {
				return fmt.Errorf("the series has %d points", len(answer.GetTimes()))
			}
			return err
		}
	}
	questions := []question{
		{"map over 1 h", graph(time.Hour)}, {"map over 24 h", graph(24*time.Hour - time.Minute)},
		{"an edge's figures over 1 h, every 10 s", series(time.Hour, 10*time.Second)},
		{"an edge's figures over 24 h, every minute", series(24*time.Hour-time.Minute, time.Minute)},
	}
	found, err := askAll(ctx, queryRounds(run.Full), run.Progress, map[string][]question{"aeolus": questions})
	if err != nil {
		return nil, err
	}
	note := fmt.Sprintf("%d edges; %s", d.edges, loadNote())
	return answerRows(questions, found, note), nil
}

// answerRows makes two rows of each question.
func answerRows(questions []question, found map[string]map[string][]float64, note string) []Row {
	var rows []Row
	for _, q := range questions {
		values, baselines := found["aeolus"][q.name], found["prometheus"][q.name]
		for _, share := range []float64{0.5, 0.99} {
			row := Row{Name: fmt.Sprintf("%s, p%g", q.name, share*100), Unit: Seconds, Value: Quantile(values, share), Samples: len(values)}
			if share == 0.5 {
				row.Spread, row.BaselineSpread = spread(values), spread(baselines)
			}
			if len(baselines) > 0 {
				baseline := Quantile(baselines, share)
				ratio := row.Value / baseline
				row.Baseline, row.Ratio = &baseline, &ratio
			}
			rows = append(rows, row.WithNote("%s", note))
		}
	}
	return rows
}
