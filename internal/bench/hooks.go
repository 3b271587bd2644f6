// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/probe/cost/measure"
	"github.com/aeolus-ebpf/aeolus/internal/units"
)

// hooks measures what a hook costs by itself, whatever the program on it does.
type hooks struct{}

// Name is hooks.
func (hooks) Name() string { return "hooks" }

// About says what is measured.
func (hooks) About() string {
	return "what each kind of hook costs a hit, with a program that does nothing and with one that counts"
}

// How often a hook is run into at a time: some 20 ms. Sockets are how many an iterator walks over.
var hookTimes = map[measure.Load]int{measure.Rename: 40_000, measure.Send: 10_000, measure.Connect: 20_000, measure.Call: 10_000, measure.Listen: 1000}

// Run measures hook by hook: in each round once without a program, once with each, in turn.
func (hooks) Run(ctx context.Context, run *Run) (_ []Row, err error) {
	defer func() { err = interrupted(ctx, err) }()
	rounds, share := 3, 20
	if run.Full {
		rounds, share = 41, 1
	}
	if err := quiet(); err != nil {
		return nil, err
	}
	directory, err := workDirectory()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(directory)) }()
	l, err := startLoads(directory)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, l.close()) }()
	var rows []Row
	for _, hook := range measure.Hooks() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		run.Progress(hook.Name())
		m := hookMeasures{loads: l, hook: hook, rounds: rounds, times: hookTimes[hook.Load] / share}
		measured, err := m.measure(ctx)
		if err != nil {
			return nil, err
		}
		rows = append(rows, measured...)
	}
	return append(rows, Measured("rounds", Count, []float64{float64(rounds)}).WithNote("%s", loadNote())), nil
}

// hookMeasures are those of one hook.
type hookMeasures struct {
	loads         *loads
	hook          measure.Hook
	rounds, times int
}

// measure tries whether the kernel has the hook, and measures it if so.
func (m *hookMeasures) measure(ctx context.Context) ([]Row, error) {
	trial, err := measure.Attach(m.hook, measure.Counting, m.loads.place)
	if measure.Missing(err) {
		row := Measured(m.hook.Name()+": a hit", Seconds, nil).WithNote("not here: %s", whyMissing(err))
		return []Row{row}, nil
	}
	if err != nil {
		return nil, err
	}
	if err := trial.Close(); err != nil {
		return nil, err
	}
	if m.hook.Load == measure.Listen {
		return m.walks(ctx)
	}
	without := func(context.Context, int) (map[string]float64, error) {
		took, err := m.loads.run(m.hook.Load, m.times)
		return map[string]float64{"time": took}, err
	}
	results, err := Interleave(ctx, m.rounds, func(string) {},
		Variant{Name: "none", Run: without}, m.variant("empty", measure.Empty), m.variant("counting", measure.Counting))
	if err != nil {
		return nil, err
	}
	note := fmt.Sprintf("%s of %s without it", units.Duration(seconds(Median(results["none"]["time"]))), m.hook.Load)
	return []Row{
		Measured(m.hook.Name()+": a hit", Seconds, less(results["empty"]["time"], results["none"]["time"])).WithNote("%s", note),
		Measured(m.hook.Name()+": a hit that counts", Seconds, less(results["counting"]["time"], results["none"]["time"])),
	}, nil
}

// whyMissing says it in few words: the errors beneath speak of files and limits that have nothing to do with it.
func whyMissing(err error) string {
	if errors.Is(err, syscall.EPERM) {
		return "the kernel refuses it, to root too"
	}
	return "the kernel is built without it, or tracefs is not mounted"
}

func (m *hookMeasures) variant(name string, body measure.Body) Variant {
	return Variant{Name: name, Run: func(context.Context, int) (_ map[string]float64, err error) {
		attached, err := measure.Attach(m.hook, body, m.loads.place)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, attached.Close()) }()
		// What the first hits bring into the caches is not what a hit costs.
		if _, err := m.loads.run(m.hook.Load, m.times/20+1); err != nil {
			return nil, err
		}
		took, err := m.loads.run(m.hook.Load, m.times)
		if err != nil {
			return nil, err
		}
		if body == measure.Counting {
			hits, err := attached.Hits()
			if err == nil && hits < uint64(m.times) {
				err = fmt.Errorf("measuring %s: %d hits of %d were counted", m.hook.Name(), hits, m.times)
			}
			if err != nil {
				return nil, err
			}
		}
		return map[string]float64{"time": took}, nil
	}}
}

// walks measures an iterator: over many sockets, less what the walk costs without any.
func (m *hookMeasures) walks(ctx context.Context) (_ []Row, err error) {
	var bare, full [2][]float64
	walk := func(into *[2][]float64) error {
		for body := range into {
			attached, err := measure.Attach(m.hook, measure.Body(body), m.loads.place)
			if err != nil {
				return err
			}
			took, err := attached.Walk()
			if err := errors.Join(err, attached.Close()); err != nil {
				return err
			}
			into[body] = append(into[body], took.Seconds())
		}
		return ctx.Err()
	}
	for range m.rounds {
		if err := walk(&bare); err != nil {
			return nil, err
		}
		if err := m.listening(func() error { return walk(&full) }); err != nil {
			return nil, err
		}
	}
	row := func(what string, body measure.Body) Row {
		each := less(full[body], bare[body])
		for i := range each {
			each[i] /= float64(m.times)
		}
		return Measured(m.hook.Name()+": "+what, Seconds, each)
	}
	return []Row{
		row("a hit", measure.Empty).WithNote("a socket each; a walk without any takes %s", units.Duration(seconds(Median(bare[measure.Empty])))),
		row("a hit that counts", measure.Counting),
	}, nil
}

// listening does something while so many sockets listen in the place's namespace.
func (m *hookMeasures) listening(what func() error) error {
	var sockets closers
	defer func() { _ = sockets.close() }()
	err := m.loads.place.Namespace.Do(func() error {
		for range m.times {
			listener, err := net.Listen("tcp4", "127.0.0.1:0")
			if err != nil {
				return fmt.Errorf("opening sockets to walk over: %w", err)
			}
			sockets.add(listener.Close)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return what()
}

// less gives the differences of measurements that were made in the same rounds.
func less(values, baselines []float64) []float64 {
	out := slices.Clone(values)
	for i := range out {
		out[i] -= baselines[i]
	}
	return out
}

// seconds gives a duration of so many; 0 for what is no number.
func seconds(n float64) time.Duration {
	if math.IsNaN(n) {
		return 0
	}
	return time.Duration(n * float64(time.Second))
}
