// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/probe"
	"github.com/aeolus-ebpf/aeolus/internal/probe/byhand"
	"github.com/aeolus-ebpf/aeolus/internal/probe/run"
)

// probes measures what becomes of a probe: how soon it answers, what a hit costs, and what a hundred of them hold.
type probes struct{}

// Name is probe.
func (probes) Name() string { return "probe" }

// About says what is measured.
func (probes) About() string {
	return "a probe from its text to the first answer, beside bpftrace and clang; its programs beside C; a hundred at once"
}

// The goals: of what comes first, of compiling alone, and of the cost of a hit in times of what C takes.
const (
	goalWarm    = 20e-3
	goalCold    = 150e-3
	goalCompile = 2e-3
	goalOfPeers = 0.1
	goalOfC     = 1.3
)

// How much is measured: rounds of asking, compilations, rounds of running into hooks and how often, and probes at once.
type probeSize struct{ rounds, compilations, costs, hits, many int }

// Run asks, then compares costs, then starts many.
func (probes) Run(ctx context.Context, run *Run) (_ []Row, err error) {
	defer func() { err = interrupted(ctx, err) }()
	size := probeSize{rounds: 1, compilations: 20, costs: 1, hits: 500, many: 5}
	if run.Full {
		size = probeSize{rounds: 21, compilations: 1000, costs: 15, hits: 5000, many: 100}
	}
	if err := needPrograms("bpftrace", "clang-14"); err != nil {
		return nil, err
	}
	if err := quiet(); err != nil {
		return nil, err
	}
	m := &probeMeasures{run: run, size: size}
	if m.directory, err = workDirectory(); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(m.directory)) }()
	for _, part := range []func(context.Context) ([]Row, error){m.asking, m.compiling, m.costs, m.many} {
		rows, err := part(ctx)
		if err != nil {
			return nil, err
		}
		m.rows = append(m.rows, rows...)
	}
	return append(m.rows, Measured("rounds", Count, []float64{float64(size.rounds)}).WithNote("%s", loadNote())), nil
}

// probeMeasures are those of one run.
type probeMeasures struct {
	run       *Run
	size      probeSize
	directory string
	// target is what a process that has run probes before knows of this host.
	target probe.Target
	rows   []Row
}

// prepare finds out once what this host can do.
func (m *probeMeasures) prepare(ctx context.Context) error {
	if m.target.Lang.Kernel != nil {
		return nil
	}
	target, err := run.Host(ctx, run.HostConfig{})
	m.target = target
	return err
}

// compiling measures the compiler alone, in a process that has compiled before.
func (m *probeMeasures) compiling(ctx context.Context) ([]Row, error) {
	m.run.Progress("compiling")
	if err := m.prepare(ctx); err != nil {
		return nil, err
	}
	var took []float64
	texts := questionTexts()
	for i := range m.size.compilations {
		began := time.Now()
		if _, err := probe.Compile([]byte(texts[i%len(texts)]), m.target); err != nil {
			return nil, err
		}
		took = append(took, time.Since(began).Seconds())
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	p99 := Row{Name: "compile alone, p99", Unit: Seconds, Value: Quantile(took, 0.99), Samples: len(took)}
	return []Row{
		Measured("compile alone, p50", Seconds, took).WithGoal(goalCompile).WithNote("%d questions in turn", len(texts)), p99,
	}, nil
}

// questionTexts are all questions as probes.
func questionTexts() []string {
	texts := []string{byhand.Connects{Port: refusingPort, Name: "connects"}.Text()}
	for _, q := range byhand.Questions() {
		texts = append(texts, q.Text())
	}
	return texts
}
