// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/loss"
)

const (
	// maxBatch is how many alerts one request holds.
	maxBatch = 64
	// The pauses after a request that went wrong: doubled each time.
	shortestPause = 500 * time.Millisecond
	longestPause  = 30 * time.Second
)

// replica is one Alertmanager, and the loop that keeps it informed.
type replica struct {
	index   int
	address string
	client  *http.Client
	table   *table
	timeout time.Duration
	stage   *loss.Stage
	logger  *slog.Logger
	wake    chan struct{}
	// failing is set from the first request that went wrong until one goes well.
	failing bool
}

// nudge lets the loop look for news.
func (r *replica) nudge() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// run tells the Alertmanager what it is to be told until the context ends.
func (r *replica) run(ctx context.Context) {
	pause := shortestPause
	for ctx.Err() == nil {
		parcels, next := r.table.due(r.index, maxBatch)
		if len(parcels) == 0 {
			r.await(ctx, next)
			continue
		}
		if err := r.deliver(ctx, parcels); err != nil {
			if ctx.Err() != nil {
				return
			}
			if !r.failing {
				r.logger.Warn("an Alertmanager does not take alerts; it is tried again", "alertmanager", r.address, "error", err)
			}
			r.failing = true
			sleep(ctx, pause)
			pause = min(2*pause, longestPause)
			continue
		}
		if r.failing {
			r.logger.Info("an Alertmanager takes alerts again", "alertmanager", r.address)
		}
		r.failing, pause = false, shortestPause
	}
}

// await waits for news, or until something is due again.
func (r *replica) await(ctx context.Context, next time.Time) {
	var due <-chan time.Time
	if !next.IsZero() {
		timer := time.NewTimer(max(next.Sub(r.table.config.Now()), 10*time.Millisecond))
		defer timer.Stop()
		due = timer.C
	}
	select {
	case <-ctx.Done():
	case <-r.wake:
	case <-due:
	}
}

// deliver sends alerts. Those that are refused for what they are must not keep the others away, so they are looked for
// by halves.
func (r *replica) deliver(ctx context.Context, parcels []parcel) error {
	r.stage.In(1)
	limited, cancel := context.WithTimeout(ctx, r.timeout)
	err := post(limited, r.client, r.address, parcels)
	cancel()
	switch {
	case err == nil:
		r.stage.Out(1)
		r.table.settle(r.index, parcels, "")
		return nil
	case !refusedForGood(err):
		r.stage.Drop(cause(err), 1)
		return err
	}
	r.stage.Drop("rejected", 1)
	if len(parcels) == 1 {
		r.logger.Warn("an Alertmanager refuses an alert", "alertmanager", r.address, "alert", parcels[0].alert.Labels, "error", err)
		r.table.settle(r.index, parcels, "rejected")
		return nil
	}
	half := len(parcels) / 2
	if err := r.deliver(ctx, parcels[:half]); err != nil {
		return err
	}
	return r.deliver(ctx, parcels[half:])
}

func sleep(ctx context.Context, pause time.Duration) {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
