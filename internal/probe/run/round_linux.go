// SPDX-License-Identifier: Apache-2.0

package run

import (
	"context"
	"fmt"
	"time"

	"github.com/cilium/ebpf"

	"github.com/aeolus-ebpf/aeolus/internal/probe"
	"github.com/aeolus-ebpf/aeolus/internal/probe/gen"
	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

// rounds walk all iterators of a probe that has no other hooks, again and again. Its rows are those of one round: what there is, not
// how often it was met. Whoever asks meanwhile is given those of the last round that came to its end.
type rounds struct {
	every time.Duration
	// last is what the last whole round has found; guarded by the probe's mu.
	last counted
}

// counted is what the kernel keeps at one time.
type counted struct {
	entries []entry
	other   *ir.Row
	at      time.Time
}

// newRounds is nil for probes that are not walks alone: their rows add up.
func newRounds(l *loaded) *rounds {
	if len(l.walkers) == 0 || len(l.links) > 0 {
		return nil
	}
	r := &rounds{every: l.walkers[0].every}
	for _, w := range l.walkers {
		r.every = min(r.every, w.every)
	}
	return r
}

// walk walks until the context ends. The first round is at once.
func (p *Probe) walk(ctx context.Context) error {
	ticker := time.NewTicker(p.rounds.every)
	defer ticker.Stop()
	for {
		if err := p.round(ctx); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// round walks once over everything, from nothing, and keeps what was found if nothing has cut it short.
func (p *Probe) round(ctx context.Context) error {
	for _, name := range []string{gen.MapRows, gen.MapOther} {
		if m, ok := p.loaded.Maps[name]; ok {
			if err := empty(m); err != nil {
				return fmt.Errorf("forgetting the walk before: %w", err)
			}
		}
	}
	for _, w := range p.loaded.walkers {
		if err := w.walk(ctx); err != nil {
			return fmt.Errorf("walking %s: %w", probe.HookName(w.hook), err)
		}
	}
	if ctx.Err() != nil || p.switchedOff() != "" {
		return nil
	}
	found := counted{at: time.Now()}
	var err error
	if found.entries, err = p.entries(); err != nil {
		return err
	}
	if found.other, err = p.other(); err != nil {
		return err
	}
	p.mu.Lock()
	p.rounds.last = found
	p.mu.Unlock()
	return nil
}

// lastRound is what the last whole round has found. Its rates are over the time from one round to the next. p.mu is held.
func (p *Probe) lastRound() (Snapshot, []entry, *ir.Row) {
	last := &p.rounds.last
	if last.at.IsZero() {
		return Snapshot{Time: time.Now(), Since: p.since, Walked: true}, nil, nil
	}
	var other *ir.Row
	if last.other != nil {
		copied := clone(*last.other)
		other = &copied
	}
	return Snapshot{Time: last.at, Since: last.at.Add(-p.rounds.every), Walked: true}, last.entries, other
}

// empty takes everything out of a map.
func empty(m *ebpf.Map) error {
	switch m.Type() {
	case ebpf.Array, ebpf.PerCPUArray:
		size := int(m.ValueSize())
		if m.Type() == ebpf.PerCPUArray {
			values := make([][]byte, ebpf.MustPossibleCPU())
			for i := range values {
				values[i] = make([]byte, size)
			}
			return m.Put(make([]byte, m.KeySize()), values)
		}
		return m.Put(make([]byte, m.KeySize()), make([]byte, size))
	}
	var keys [][]byte
	if err := eachEntry(m, func(key []byte, _ [][]byte) error {
		keys = append(keys, append([]byte(nil), key...))
		return nil
	}); err != nil {
		return err
	}
	for _, key := range keys {
		if err := m.Delete(key); err != nil && !isGone(err) {
			return err
		}
	}
	return nil
}
