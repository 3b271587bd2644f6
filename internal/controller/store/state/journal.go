// SPDX-License-Identifier: Apache-2.0

package state

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/controller/engine"
	"github.com/aeolus-ebpf/aeolus/internal/loss"
)

const (
	// maxPending bounds the anomalies that wait to be written.
	maxPending = 4096
	// What opens or ends is written after a moment, in which more may come; what only changes can wait longer.
	soon  = 20 * time.Millisecond
	later = time.Second
	// aliveEvery and trimEvery are how often signs of life are given, and what is old is forgotten.
	aliveEvery = 10 * time.Second
	trimEvery  = time.Minute
	// lastWrite is how long writing may take at the end, and complainEvery how often a failure is logged.
	lastWrite     = 3 * time.Second
	complainEvery = time.Minute
)

// Journal writes anomalies to a store without holding up whoever finds them. Of each only the newest state waits.
type Journal struct {
	store  *Store
	logger *slog.Logger
	stage  *loss.Stage

	mu      sync.Mutex
	pending map[string]*engine.Anomaly
	known   map[string]struct{}
	urgent  chan struct{}
	// One write at a time, so that an older state never comes after a newer one.
	flushing   sync.Mutex
	complained time.Time
}

// NewJournal makes a journal; what it loses is counted in the stage.
func NewJournal(store *Store, logger *slog.Logger, stage *loss.Stage) *Journal {
	return &Journal{
		store: store, logger: logger, stage: stage, pending: map[string]*engine.Anomaly{}, known: map[string]struct{}{},
		urgent: make(chan struct{}, 1),
	}
}

// Keep takes an anomaly as it is now, to be written soon. It never waits.
func (j *Journal) Keep(a *engine.Anomaly) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if _, waits := j.pending[a.ID]; !waits {
		j.stage.In(1)
		if len(j.pending) >= maxPending {
			j.stage.Drop("queue-full", 1)
			return
		}
	}
	j.pending[a.ID] = a
	_, known := j.known[a.ID]
	if known && a.Closed.IsZero() {
		return
	}
	j.known[a.ID] = struct{}{}
	if !a.Closed.IsZero() {
		delete(j.known, a.ID)
	}
	select {
	case j.urgent <- struct{}{}:
	default:
	}
}

// Run writes until the context ends, and then a last time.
func (j *Journal) Run(ctx context.Context) error {
	changes, alive, trim := time.NewTicker(later), time.NewTicker(aliveEvery), time.NewTicker(trimEvery)
	defer changes.Stop()
	defer alive.Stop()
	defer trim.Stop()
	j.complain(j.store.Alive(ctx))
	for {
		select {
		case <-ctx.Done():
			j.end(context.WithoutCancel(ctx))
			return nil
		case <-j.urgent:
			select {
			case <-ctx.Done():
			case <-time.After(soon):
				j.complain(j.Flush(ctx))
			}
		case <-changes.C:
			j.complain(j.Flush(ctx))
		case <-alive.C:
			j.complain(j.store.Alive(ctx))
		case <-trim.C:
			_, err := j.store.Trim(ctx)
			j.complain(err)
		}
	}
}

// end writes what still waits, and counts what could not be written.
func (j *Journal) end(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, lastWrite)
	defer cancel()
	j.complain(j.Flush(ctx))
	j.complain(j.store.Alive(ctx))
	j.mu.Lock()
	defer j.mu.Unlock()
	j.stage.Drop("not-written", uint64(len(j.pending)))
	clear(j.pending)
}

// Flush writes what waits now. What could not be written waits on.
func (j *Journal) Flush(ctx context.Context) error {
	j.flushing.Lock()
	defer j.flushing.Unlock()
	j.mu.Lock()
	batch := make([]*engine.Anomaly, 0, len(j.pending))
	for _, a := range j.pending {
		batch = append(batch, a)
	}
	j.mu.Unlock()
	if len(batch) == 0 {
		return nil
	}
	if err := j.store.Save(ctx, batch...); err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, a := range batch {
		// Where a newer state has come meanwhile, that one waits on.
		if j.pending[a.ID] == a {
			delete(j.pending, a.ID)
			j.stage.Out(1)
		}
	}
	return nil
}

// complain logs a failure, but not every time.
func (j *Journal) complain(err error) {
	if err == nil || j.logger == nil {
		return
	}
	if now := time.Now(); now.Sub(j.complained) >= complainEvery {
		j.complained = now
		j.logger.Error("state is not written; it is tried again", "error", err)
	}
}
