// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/aeolus-ebpf/aeolus/internal/kernel/stats"
	"github.com/aeolus-ebpf/aeolus/internal/probe"
	"github.com/aeolus-ebpf/aeolus/internal/probe/byhand"
	"github.com/aeolus-ebpf/aeolus/internal/probe/cost"
	"github.com/aeolus-ebpf/aeolus/internal/probe/cost/measure"
	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
	"github.com/aeolus-ebpf/aeolus/internal/probe/run"
	"github.com/aeolus-ebpf/aeolus/internal/units"
)

// costs compares what the compiler makes of each question with C: both are on the same hook, and an empty program too, so
// that each hit runs all three. The kernel's account tells what each took.
func (m *probeMeasures) costs(ctx context.Context) (_ []Row, err error) {
	l, err := startLoads(m.directory)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, l.close()) }()
	on, err := stats.Enable()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, on.Close()) }()
	var rows []Row
	for _, q := range byhand.Questions() {
		m.run.Progress(q.Name)
		c := comparison{question: q, target: m.target, loads: l, hits: m.size.hits, own: figures{}}
		if q.Load == measure.Dial {
			// Both ends of a connection tell of it, and no more events than this pass at once.
			c.hits = min(c.hits, mostDials)
		}
		for round := range m.size.costs {
			if err := c.round(ctx, round); err != nil {
				return nil, fmt.Errorf("comparing %q: %w", q.Name, err)
			}
		}
		rows = append(rows, c.row())
	}
	return rows, nil
}

// mostDials is how many connections are opened in a round.
const mostDials = 3000

// comparison is of one question. Figures are in seconds a run.
type comparison struct {
	question byhand.Question
	target   probe.Target
	loads    *loads
	hits     int
	own      figures
	// instructions that the kernel has of each.
	generated, written int
}

// round puts all on the hook, in an order of its own: who comes first waits for what is not in the caches.
func (c *comparison) round(ctx context.Context, round int) (err error) {
	ids := map[string][]uint32{}
	var running closers
	defer func() { err = errors.Join(err, running.close()) }()
	starts := []func() error{
		func() error {
			ids["generated"], err = c.startGenerated(ctx, &running)
			return err
		},
		func() error {
			program, err := byhand.Start(c.question)
			if err != nil {
				return err
			}
			taking := take(program.Events())
			running.add(func() error {
				err := program.Close()
				<-taking
				return err
			})
			ids["written"] = []uint32{program.ID}
			return nil
		},
		func() error {
			empty, err := measure.Attach(measure.Hook{Kind: ir.BTFTracepoint, Target: c.question.Tracepoint}, measure.Empty, c.loads.place)
			if err != nil {
				return err
			}
			running.add(empty.Close)
			id, err := empty.ID()
			ids["empty"] = []uint32{id}
			return err
		},
	}
	for i := range starts {
		if err := starts[(i+round)%len(starts)](); err != nil {
			return err
		}
	}
	if c.generated, err = instructionsOf(ids["generated"]); err != nil {
		return err
	}
	if c.written, err = instructionsOf(ids["written"]); err != nil {
		return err
	}
	return c.hit(ids)
}

// startGenerated starts the question as a probe, and finds its programs.
func (c *comparison) startGenerated(ctx context.Context, running *closers) ([]uint32, error) {
	before, err := stats.Of(os.Getpid())
	if err != nil {
		return nil, err
	}
	object, err := probe.Compile([]byte(c.question.Text()), c.target)
	if err != nil {
		return nil, err
	}
	started, err := run.Start(ctx, run.Config{Compiled: object, Target: c.target, Logger: discard()})
	if err != nil {
		return nil, err
	}
	taking := take(started.Events())
	running.add(func() error {
		err := started.Close()
		<-taking
		return err
	})
	after, err := stats.Of(os.Getpid())
	if err != nil {
		return nil, err
	}
	old := map[uint32]bool{}
	for _, program := range before {
		old[program.ID] = true
	}
	var ids []uint32
	for _, program := range after {
		if !old[program.ID] {
			ids = append(ids, program.ID)
		}
	}
	if len(ids) == 0 {
		return nil, errors.New("finding the probe's programs: there are none")
	}
	return ids, nil
}

// take takes what comes, until no more comes.
func take[T any](events <-chan T) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range events {
		}
	}()
	return done
}

// instructionsOf is how many instructions programs have, all together.
func instructionsOf(ids []uint32) (int, error) {
	sum := 0
	for _, id := range ids {
		n, err := byhand.Instructions(id)
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}

// hit runs into the hook, once to warm up and once to measure.
func (c *comparison) hit(ids map[string][]uint32) error {
	if _, err := c.loads.run(c.question.Load, c.hits/10+1); err != nil {
		return err
	}
	before, err := ownAccount()
	if err != nil {
		return err
	}
	if _, err := c.loads.run(c.question.Load, c.hits); err != nil {
		return err
	}
	after, err := ownAccount()
	if err != nil {
		return err
	}
	for name, programs := range ids {
		var took float64
		var runs uint64
		for _, id := range programs {
			took += (after[id].Time - before[id].Time).Seconds()
			runs += after[id].Runs - before[id].Runs
		}
		if runs < uint64(c.hits*9/10) {
			return fmt.Errorf("%s ran %d times, and was hit %d times", name, runs, c.hits)
		}
		c.own.add(name, took/float64(runs))
	}
	return nil
}

// ownAccount gives the kernel's account of this process' programs.
func ownAccount() (account, error) {
	programs, err := stats.Of(os.Getpid())
	if err != nil {
		return nil, err
	}
	out := account{}
	for _, program := range programs {
		out[program.ID] = program
	}
	return out, nil
}

func (c *comparison) row() Row {
	generated, written := less(c.own["generated"], c.own["empty"]), less(c.own["written"], c.own["empty"])
	// A run is never alone: the hook has its price whatever is on it.
	hook, _ := cost.Of(ir.BTFTracepoint, "")
	whole := (hook.Hit.Seconds() + Median(generated)) / (hook.Hit.Seconds() + Median(written))
	row := Compared(c.question.Name+": a run, against C", Seconds, generated, written)
	// What is less than nothing is noise, and no ratio comes of it.
	if row.Value <= 0 || *row.Baseline <= 0 {
		row.Ratio = nil
	}
	return row.WithRatioGoal(goalOfC).
		WithNote("%.3g× with the hook's own %s; %d instructions against %d", whole, units.Duration(hook.Hit), c.generated, c.written)
}
