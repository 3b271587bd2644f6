// SPDX-License-Identifier: Apache-2.0

package local

import (
	"context"
	"sync"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/model"
)

const (
	// How often processes are looked at again, and how many of them each time.
	revisitInterval = time.Second
	revisitBatch    = 512
	// How often network namespaces and their addresses are read.
	namespaceInterval = 3 * time.Second
)

// Run keeps what is known up to date until the context ends: it follows control groups as they are made and removed,
// notices processes that have exited or become others, asks container runtimes for names, and reads namespaces.
func (r *Resolver) Run(ctx context.Context) error {
	var background sync.WaitGroup
	defer background.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for _, t := range []*tree{r.v1, r.v2} {
		if t.root != "" {
			background.Go(func() { r.follow(ctx, t) })
		}
	}
	background.Go(func() { r.runtimes.run(ctx) })
	background.Go(func() {
		every(ctx, namespaceInterval, r.refreshNamespaces)
	})
	hand := 0
	every(ctx, revisitInterval, func() { hand = r.revisit(hand) })
	return nil
}

// every calls f now and at each interval until the context ends.
func every(ctx context.Context, interval time.Duration, f func()) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		f()
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// follow keeps a tree up to date by the kernel's notices. Where there are none, walks on demand must do.
func (r *Resolver) follow(ctx context.Context, t *tree) {
	w, err := newWatch()
	if err != nil {
		r.config.Logger.Warn("control groups cannot be watched: short-lived ones may go unnamed", "error", err)
		return
	}
	stop := context.AfterFunc(ctx, w.close)
	defer func() {
		if stop() {
			w.close()
		}
	}()
	t.attach(w)
	defer t.attach(nil)
	if err := w.read(t.notice); err != nil && ctx.Err() == nil {
		r.config.Logger.Warn("control groups are no longer watched", "error", err)
	}
}

// revisit looks at processes again, some at a time; hand is where it left off. It forgets the answers that are no
// longer true, and those that were incomplete.
func (r *Resolver) revisit(hand int) int {
	now := time.Now()
	r.v1.sweep(now)
	r.v2.sweep(now)
	r.mu.Lock()
	defer r.mu.Unlock()
	changed := map[uint32]bool{}
	var dropped []uint32
	for range min(revisitBatch, len(r.processes.ring)) {
		hand = (hand + 1) % len(r.processes.ring)
		p := r.processes.ring[hand].value
		comm, start, err := readStat(r.config.ProcRoot, p.pid)
		switch {
		case err == nil && start == p.start && clean(comm) == p.comm:
		case err == nil: // another process, or another program in the same one
			changed[p.pid] = true
			dropped = append(dropped, p.pid)
		case now.Sub(p.exited().gone) >= tombstoneTime:
			changed[p.pid] = true
			dropped = append(dropped, p.pid)
		}
	}
	for _, pid := range dropped {
		r.processes.delete(pid)
	}
	r.forget(func(owner model.Owner, known *resolved) bool { return known.incomplete || changed[owner.PID] })
	return hand
}

// containerFound drops the answers that a container's name would have been in.
func (r *Resolver) containerFound(id string) {
	defer r.named.Add(1)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forget(func(_ model.Owner, known *resolved) bool { return known.endpoint.Container.ID == id })
}
