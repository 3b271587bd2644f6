// SPDX-License-Identifier: Apache-2.0

package run

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/kernel/load"
	"github.com/aeolus-ebpf/aeolus/internal/kernel/ring"
	"github.com/aeolus-ebpf/aeolus/internal/probe"
	"github.com/aeolus-ebpf/aeolus/internal/probe/gen"
	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

const (
	// lookInterval is how often a running probe is looked after: whether it has switched itself off, who is in scope, whether the
	// keys need room.
	lookInterval = 100 * time.Millisecond
	// eventsKept is how many events wait for whoever reads them, before the ring in the kernel fills.
	eventsKept = 256
	// deliverTime is for how long the last events wait for whoever reads them once the probe has ended.
	deliverTime = time.Second
)

// Probe is a probe in the kernel. Its methods may be called concurrently.
type Probe struct {
	config Config
	loaded *loaded
	ir     *ir.Probe
	scope  *scoper
	reader *ring.Reader

	events chan ir.Event
	done   chan struct{}
	// asked is closed by Close, abandon when nobody has taken the last events.
	asked, abandon chan struct{}
	ask            sync.Once
	// undelivered events were read and not taken; malformed records could not be read.
	undelivered, malformed atomic.Uint64

	since time.Time
	// mu guards the maps against being given back while they are read, and what follows.
	mu      sync.Mutex
	summary *summary
	rounds  *rounds
	swept   time.Time
	kept    *remains
}

// remains is what is left of a probe that has ended.
type remains struct {
	state    State
	why      string
	ended    time.Time
	snapshot Snapshot
	status   Status
	stacks   map[uint64][]uint64
	err      error
}

// Start loads and attaches a probe, and runs it until the context ends. It returns once every program is attached.
func Start(ctx context.Context, config Config) (*Probe, error) {
	if config.Compiled == nil || config.Compiled.Object == nil || config.Compiled.Resolved == nil {
		return nil, errors.New("starting a probe: it is not compiled")
	}
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	p := &Probe{
		config: config, events: make(chan ir.Event, eventsKept), done: make(chan struct{}), asked: make(chan struct{}),
		abandon: make(chan struct{}),
	}
	loaded, err := bring(&config, func(l *loaded) error { return p.prepare(ctx, l) })
	if err != nil {
		return nil, errors.Join(err, p.unprepare())
	}
	p.loaded, p.since = loaded, time.Now()
	p.config.Compiled = loaded.compiled
	// Between two rounds no key leaves the kernel: what was found room for is exact.
	if p.rounds = newRounds(loaded); p.rounds == nil && p.ir.Top != nil {
		p.summary = newSummary(p.ir, summaryKeys(p.ir))
	}
	go p.run(ctx)
	return p, nil
}

// prepare opens the ring and says who is in scope, before anything is attached.
func (p *Probe) prepare(ctx context.Context, l *loaded) error {
	if err := p.unprepare(); err != nil {
		return err
	}
	p.ir = l.compiled.Resolved
	if events, ok := l.Maps[gen.MapEvents]; ok {
		reader, err := ring.New(events)
		if err != nil {
			return err
		}
		p.reader = reader
	}
	p.scope = nil
	if scope, ok := l.Maps[gen.MapScope]; ok && l.compiled.Written != nil {
		p.scope = &scoper{owners: p.config.Owners, written: l.compiled.Written.Scope, members: scope}
		return p.scope.fill(ctx)
	}
	return nil
}

func (p *Probe) unprepare() error {
	if p.reader == nil {
		return nil
	}
	reader := p.reader
	p.reader = nil
	return reader.Close()
}

// run looks after the probe until it ends, and ends it.
func (p *Probe) run(ctx context.Context) {
	within, cancel := context.WithCancel(ctx)
	defer cancel()
	var walking, reading sync.WaitGroup
	broken := make(chan error, len(p.loaded.walkers))
	for _, walk := range p.walks() {
		walking.Go(func() {
			if err := walk(within); err != nil {
				broken <- err
			}
		})
	}
	if p.reader != nil {
		reading.Go(p.readEvents)
	}
	state, why := p.look(within, broken)
	cancel()
	walking.Wait()
	p.finish(state, why, &reading)
}

// walks are what walks the iterators: together where there is nothing else, else each for itself.
func (p *Probe) walks() []func(context.Context) error {
	if p.rounds != nil {
		return []func(context.Context) error{p.walk}
	}
	var walks []func(context.Context) error
	for _, w := range p.loaded.walkers {
		walks = append(walks, w.run)
	}
	return walks
}

// look looks after the probe until there is a reason to end it.
func (p *Probe) look(ctx context.Context, broken <-chan error) (State, string) {
	ticker := time.NewTicker(lookInterval)
	defer ticker.Stop()
	var expired <-chan time.Time
	if p.ir.TTL > 0 {
		timer := time.NewTimer(p.ir.TTL)
		defer timer.Stop()
		expired = timer.C
	}
	for {
		select {
		case <-ctx.Done():
			return Closed, "it was asked to end"
		case <-p.asked:
			return Closed, "it was asked to end"
		case <-expired:
			return Expired, fmt.Sprintf("its time of %s is over", p.ir.TTL)
		case err := <-broken:
			return Broken, err.Error()
		case <-ticker.C:
		}
		if why := p.switchedOff(); why != "" {
			return SwitchedOff, why
		}
		if err := p.upkeep(ctx); err != nil && ctx.Err() == nil {
			return Broken, err.Error()
		}
	}
}

// upkeep keeps the scope up to date, and makes room for keys.
func (p *Probe) upkeep(ctx context.Context) error {
	if p.scope != nil {
		if err := p.scope.keepUp(ctx); err != nil {
			return err
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.sweep(); err != nil {
		return err
	}
	return p.makeRoom()
}

// finish takes the probe out of the kernel: detached first, then read for the last time, then given back.
func (p *Probe) finish(state State, why string, reading *sync.WaitGroup) {
	errs := []error{p.loaded.detach(), load.Settle()}
	if p.reader != nil {
		errs = append(errs, p.reader.Stop())
		late := time.AfterFunc(deliverTime, func() { close(p.abandon) })
		reading.Wait()
		late.Stop()
	}
	p.mu.Lock()
	kept := &remains{state: state, why: why, ended: time.Now()}
	var err error
	kept.snapshot, err = p.read()
	errs = append(errs, err)
	kept.stacks = p.stacksOf(kept.snapshot)
	kept.status = p.status()
	kept.status.State, kept.status.Why, kept.status.Ended = state, why, kept.ended
	errs = append(errs, p.unprepare(), p.loaded.Close())
	if kept.err = errors.Join(errs...); kept.err != nil {
		p.config.Logger.Warn("a probe did not end cleanly", "probe", p.ir.Name, "error", kept.err)
	}
	p.kept = kept
	p.mu.Unlock()
	close(p.events)
	close(p.done)
}

// readEvents hands over events until the ring is stopped.
func (p *Probe) readEvents() {
	for {
		record, ok, err := p.reader.Next()
		if err != nil || !ok {
			return
		}
		event, err := p.loaded.compiled.Object.Layout.Event(record)
		if err != nil {
			p.malformed.Add(1)
			continue
		}
		select {
		case p.events <- event:
		case <-p.abandon:
			p.undelivered.Add(1)
		}
	}
}

// Compiled is what runs: another one than it was started with, where something had to be compiled again.
func (p *Probe) Compiled() *probe.Compiled { return p.config.Compiled }

// Events are the matches that leave the kernel at once. Whoever does not read them fills the ring in the kernel, which counts
// what is lost. The channel is closed when the probe has ended.
func (p *Probe) Events() <-chan ir.Event { return p.events }

// Done is closed when the probe has ended.
func (p *Probe) Done() <-chan struct{} { return p.done }

// Timing tells how long coming up took.
func (p *Probe) Timing() Timing { return p.loaded.timing }

// Close takes the probe out of the kernel and waits until it is gone. Events must be read meanwhile: those that nobody takes within
// a second are counted as lost.
func (p *Probe) Close() error {
	p.ask.Do(func() { close(p.asked) })
	<-p.done
	return p.kept.err
}
