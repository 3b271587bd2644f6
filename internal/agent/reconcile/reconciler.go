// SPDX-License-Identifier: Apache-2.0

package reconcile

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/assign"
	"github.com/aeolus-ebpf/aeolus/internal/sensor"
)

// Config is what a Reconciler needs.
type Config struct {
	// Make constructs the sensor that an assignment asks for; its error is the reason of a refusal.
	Make func(assign.Assignment) (sensor.Sensor, error)
	Sink sensor.Sink
	// Defaults run until a controller has spoken.
	Defaults []assign.Assignment
	Logger   *slog.Logger
}

// Reconciler runs sensors. Run owns all of its state; everything else sends to it.
type Reconciler struct {
	config  Config
	desired chan request
	reports chan chan Answer
	happens chan happening
	// changed has a token whenever an answer has changed since the last look.
	changed chan struct{}
	// over closes when Run returns.
	over chan struct{}

	table assign.Table
	runs  map[assign.Run]*run
	// last is the last run of each sensor: the next waits for its programs to be gone.
	last map[string]<-chan struct{}
}

type request struct {
	desired assign.Desired
	answer  chan error
}

// Answer is what became of a generation.
type Answer struct {
	Generation uint64
	Statuses   []assign.Status
}

type run struct {
	sensor sensor.Sensor
	cancel context.CancelFunc
	done   chan struct{}
}

// happening is what a run has to say.
type happening struct {
	run     assign.Run
	ready   bool
	missing []string
	reason  string
}

// New makes a reconciler; Run starts it.
func New(config Config) *Reconciler {
	return &Reconciler{
		config:  config,
		desired: make(chan request),
		reports: make(chan chan Answer),
		happens: make(chan happening),
		changed: make(chan struct{}, 1),
		over:    make(chan struct{}),
		runs:    map[assign.Run]*run{},
		last:    map[string]<-chan struct{}{},
	}
}

// Changed has a token after anything has changed that a report would show.
func (r *Reconciler) Changed() <-chan struct{} { return r.changed }

// Apply replaces what is desired. The error is assign.ErrStale, or the context's.
func (r *Reconciler) Apply(ctx context.Context, desired assign.Desired) error {
	ask := request{desired: desired, answer: make(chan error, 1)}
	select {
	case r.desired <- ask:
		return <-ask.answer
	case <-r.over:
		return context.Canceled
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Report tells what became of each assignment; false once the reconciler has ended.
func (r *Reconciler) Report(ctx context.Context) (Answer, bool) {
	ask := make(chan Answer, 1)
	select {
	case r.reports <- ask:
		return <-ask, true
	case <-r.over:
	case <-ctx.Done():
	}
	return Answer{}, false
}

// Run runs the defaults, then what is applied, until the context ends; then it stops everything and returns when the
// programs are gone.
func (r *Reconciler) Run(ctx context.Context) error {
	defer close(r.over)
	defer r.stopAll()
	actions, err := r.table.Apply(assign.Desired{Assignments: r.config.Defaults}, time.Now())
	if err != nil {
		return fmt.Errorf("applying the default assignments: %w", err)
	}
	r.act(ctx, actions)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		timer.Reset(r.untilNext(time.Now()))
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
			r.act(ctx, r.table.Advance(time.Now()))
		case ask := <-r.desired:
			actions, err := r.table.Apply(ask.desired, time.Now())
			r.act(ctx, actions)
			ask.answer <- err
		case ask := <-r.reports:
			ask <- Answer{Generation: r.table.Generation(), Statuses: r.table.Statuses(r.cost)}
			continue
		case what := <-r.happens:
			r.note(ctx, what)
		}
		r.notify()
	}
}

func (r *Reconciler) untilNext(now time.Time) time.Duration {
	next := r.table.Next()
	if next.IsZero() {
		return time.Hour
	}
	return max(next.Sub(now), 0)
}

func (r *Reconciler) notify() {
	select {
	case r.changed <- struct{}{}:
	default:
	}
}

func (r *Reconciler) note(ctx context.Context, what happening) {
	now := time.Now()
	if what.ready {
		r.table.Ready(what.run, what.missing, now)
		return
	}
	delete(r.runs, what.run)
	r.table.Exited(what.run, what.reason, now)
	r.act(ctx, r.table.Advance(now))
}

// act carries out the table's steps. What cannot be constructed is refused at once, which may give room to another.
func (r *Reconciler) act(ctx context.Context, actions []assign.Action) {
	for len(actions) > 0 {
		action := actions[0]
		actions = actions[1:]
		if !action.Start {
			r.stop(action.Run)
			continue
		}
		if err := r.start(ctx, action); err != nil {
			r.table.Exited(action.Run, err.Error(), time.Now())
			actions = append(actions, r.table.Advance(time.Now())...)
		}
	}
}

func (r *Reconciler) start(ctx context.Context, action assign.Action) error {
	made, err := r.config.Make(action.Assignment)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	started := &run{sensor: made, cancel: cancel, done: make(chan struct{})}
	r.runs[action.Run] = started
	name := action.Assignment.Sensor.Name
	before := r.last[name]
	r.last[name] = started.done
	r.config.Logger.Info("starting a sensor", "sensor", name, "assignment", action.Assignment.ID)
	go r.carry(ctx, action.Run, started, before)
	return nil
}

// carry runs one sensor to its end.
func (r *Reconciler) carry(ctx context.Context, number assign.Run, started *run, before <-chan struct{}) {
	// Reported first and closed after: whoever waits for the end finds the table told.
	defer close(started.done)
	defer started.cancel()
	if before != nil {
		<-before
	}
	reason := r.run(ctx, number, started)
	if ctx.Err() != nil {
		return
	}
	r.tell(ctx, happening{run: number, reason: reason})
}

// run runs a sensor and gives the reason for its end. A panic in a sensor ends that sensor alone.
func (r *Reconciler) run(ctx context.Context, number assign.Run, started *run) (reason string) {
	defer func() {
		if fault := recover(); fault != nil {
			reason = fmt.Sprintf("the sensor panicked: %v", fault)
			r.config.Logger.Error("a sensor panicked", "sensor", started.sensor.Name(), "panic", fault, "stack", string(debug.Stack()))
		}
	}()
	if ctx.Err() != nil {
		return ""
	}
	err := started.sensor.Run(ctx, r.config.Sink, func(state sensor.State) {
		r.tell(ctx, happening{run: number, ready: true, missing: state.Missing})
	})
	if err != nil {
		return err.Error()
	}
	return "the sensor ended by itself"
}

func (r *Reconciler) tell(ctx context.Context, what happening) {
	select {
	case r.happens <- what:
	case <-ctx.Done():
	}
}

func (r *Reconciler) stop(number assign.Run) {
	if running := r.runs[number]; running != nil {
		r.config.Logger.Info("stopping a sensor", "sensor", running.sensor.Name())
		running.cancel()
		delete(r.runs, number)
	}
}

// stopAll ends every run and waits until the programs are gone.
func (r *Reconciler) stopAll() {
	for number := range r.runs {
		r.stop(number)
	}
	for _, done := range r.last {
		<-done
	}
}

func (r *Reconciler) cost(number assign.Run) assign.Cost {
	running := r.runs[number]
	if running == nil {
		return assign.Cost{}
	}
	cost := running.sensor.Cost()
	return assign.Cost{Runs: cost.Runs, Time: cost.Time, Memory: cost.Memory}
}
