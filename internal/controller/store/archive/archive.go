// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Archive is the four tables together. All methods may be called from any goroutine.
type Archive struct {
	config    Config
	edges     *store[Edge]
	instances *store[Instance]
	flows     *store[Flow]
	events    *store[Event]

	lock     *os.File
	marker   *marker
	gaps     *gaps
	sequence atomic.Uint64
	wake     chan struct{}
	broken   atomic.Uint64

	// writing is held while the directory's lock and mark of life are used.
	writing     sync.Mutex
	ended       bool
	maintaining sync.Mutex
	clock       clock

	mu        sync.Mutex
	sealError string
	closed    bool

	// Row groups and pages that queries have read, for those who ask whether pruning works.
	groupsRead, pagesRead atomic.Uint64
	// crash is called at each step on the way of a segment to the disk; tests end the process there.
	crash func(step string)
}

// keeper is what a store does that does not depend on its rows.
type keeper interface {
	name() string
	seal(everything bool) error
	unsealed() int64
	bounds() TableBounds
	stats() TableStats
	adopt(*segment)
	merge(ctx context.Context, now time.Time) error
	oldest() *segment
	size() int64
	discard(*segment) error
	forgetBefore(limit int64)
	close()
}

func (a *Archive) keepers() []keeper { return []keeper{a.edges, a.instances, a.flows, a.events} }

// Open opens an archive, made if it is new. Where the last process was killed, it says what was lost.
func Open(config Config) (*Archive, error) {
	config = config.withDefaults()
	a := &Archive{config: config, wake: make(chan struct{}, 1), gaps: &gaps{}}
	a.edges = newStore(a, edgeTable(), config.HeadRows.Edges)
	a.instances = newStore(a, instanceTable(), config.HeadRows.Instances)
	a.flows = newStore(a, flowTable(), config.HeadRows.Flows)
	a.events = newStore(a, eventTable(), config.HeadRows.Events)
	if !a.onDisk() {
		return a, nil
	}
	if err := a.openDirectory(); err != nil {
		if a.lock != nil {
			a.lock.Close()
		}
		return nil, fmt.Errorf("opening the archive in %s: %w", config.Directory, err)
	}
	return a, nil
}

func (a *Archive) onDisk() bool { return a.config.Directory != "" }

func (a *Archive) nextSequence() uint64 { return a.sequence.Add(1) }

func (a *Archive) step(name string) {
	if a.crash != nil {
		a.crash(name)
	}
}

func (a *Archive) wakeUp() {
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// AddEdges takes rows. Like its siblings it copies what it keeps and never waits for the disk; rows for which there is no
// room are dropped and counted.
func (a *Archive) AddEdges(rows []Edge) { a.edges.add(rows) }

// AddInstances takes rows.
func (a *Archive) AddInstances(rows []Instance) { a.instances.add(rows) }

// AddFlows takes rows.
func (a *Archive) AddFlows(rows []Flow) { a.flows.add(rows) }

// AddEvents takes rows.
func (a *Archive) AddEvents(rows []Event) { a.events.add(rows) }

// Run seals, merges and deletes until the context ends. Without it everything stays in memory.
func (a *Archive) Run(ctx context.Context) error {
	if !a.onDisk() {
		return a.runInMemory(ctx)
	}
	var maintenance sync.WaitGroup
	sealed := make(chan struct{}, 1)
	sealed <- struct{}{}
	maintenance.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-sealed:
			}
			if err := a.maintain(ctx); err != nil && ctx.Err() == nil {
				a.config.Logger.Warn("the archive could not be tidied, and will be again", "error", err)
			}
		}
	})
	defer maintenance.Wait()
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for ticks := 1; ; ticks++ {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		case <-a.wake:
		}
		a.sealAll(false)
		a.alive(false)
		if ticks%int(sealEvery/tick) == 0 {
			select {
			case sealed <- struct{}{}:
			default:
			}
		}
	}
}

func (a *Archive) runInMemory(ctx context.Context) error {
	ticker := time.NewTicker(sealEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			a.retainByTime(a.config.Now())
		}
	}
}

// sealAll seals what is due in every table, or everything. The first failure is said once, and when it is over.
func (a *Archive) sealAll(everything bool) error {
	a.writing.Lock()
	defer a.writing.Unlock()
	var failures []error
	for _, k := range a.keepers() {
		if err := k.seal(everything); err != nil {
			failures = append(failures, fmt.Errorf("sealing %s: %w", k.name(), err))
		}
	}
	err := errors.Join(failures...)
	if errors.Is(err, os.ErrNotExist) {
		err = errors.Join(err, a.restoreDirectory())
	}
	a.sayFailure(err)
	return err
}

func (a *Archive) sayFailure(err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	a.mu.Lock()
	before := a.sealError
	a.sealError = text
	a.mu.Unlock()
	switch {
	case err != nil && before == "":
		a.config.Logger.Error("the archive cannot be written: rows stay in memory as far as there is room, and are dropped beyond it",
			"directory", a.config.Directory, "error", err)
	case err == nil && before != "":
		a.config.Logger.Info("the archive can be written again", "directory", a.config.Directory)
	}
}

// Close seals the head. Rows that come later are dropped.
func (a *Archive) Close() error {
	a.mu.Lock()
	if a.closed {
		a.mu.Unlock()
		return nil
	}
	a.closed = true
	a.mu.Unlock()
	for _, k := range a.keepers() {
		k.close()
	}
	if !a.onDisk() {
		return nil
	}
	a.maintaining.Lock()
	defer a.maintaining.Unlock()
	err := a.sealAll(true)
	a.alive(err == nil)
	a.writing.Lock()
	defer a.writing.Unlock()
	a.ended = true
	return errors.Join(err, a.marker.close(), a.lock.Close())
}

// Bounds says how far each table reaches.
func (a *Archive) Bounds() Bounds {
	return Bounds{
		Edges: a.edges.bounds(), Instances: a.instances.bounds(), Flows: a.flows.bounds(), Events: a.events.bounds(),
	}
}

// Stats gives the figures.
func (a *Archive) Stats() Stats {
	stats := Stats{
		Gaps: len(a.gaps.all()), Broken: a.broken.Load(), GroupsRead: a.groupsRead.Load(), PagesRead: a.pagesRead.Load(),
	}
	for _, k := range a.keepers() {
		stats.Tables = append(stats.Tables, k.stats())
	}
	a.mu.Lock()
	stats.SealError = a.sealError
	a.mu.Unlock()
	return stats
}

// Gaps lists the stretches of time in a range of which rows are missing, oldest first.
func (a *Archive) Gaps(within Range) []Gap {
	all := a.gaps.all()
	return slices.DeleteFunc(all, func(g Gap) bool {
		return !within.To.IsZero() && !g.From.Before(within.To) || !within.From.IsZero() && g.To.Before(within.From)
	})
}

func (a *Archive) say(gap Gap) {
	if err := a.gaps.add(a.config.Directory, gap); err != nil {
		a.config.Logger.Warn("a gap could not be written down", "error", err)
	}
	a.config.Logger.Warn(gap.String(), slog.Time("from", gap.From), slog.Time("to", gap.To))
}
