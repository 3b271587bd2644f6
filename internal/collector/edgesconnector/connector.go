// SPDX-License-Identifier: Apache-2.0

package edgesconnector

import (
	"context"
	"fmt"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.uber.org/zap"
)

const (
	// settling is how often halves that wait are looked at.
	settling = 250 * time.Millisecond
	// grain is the least between two messages: Prometheus tells times apart by the millisecond, and a zero may have to
	// stand between two.
	grain = 2 * time.Millisecond
	// complaint is how often is said that the next component does not take what it is given.
	complaint = 30 * time.Second
)

type params struct {
	config            *Config
	logger            *zap.Logger
	version, instance string
	next              consumer.Metrics
	// now is the clock; time.Now unless given.
	now func() time.Time
}

// edgesConnector is the component.
type edgesConnector struct {
	params

	mu    sync.Mutex
	state *state

	wake chan struct{}
	stop context.CancelFunc
	done sync.WaitGroup

	// What follows is of the goroutine that gives.
	last          time.Time
	nextInterval  time.Time
	nextHeartbeat time.Time
	refused       bool
	complained    time.Time
}

func newConnector(p params) *edgesConnector {
	if p.now == nil {
		p.now = time.Now
	}
	if p.logger == nil {
		p.logger = zap.NewNop()
	}
	return &edgesConnector{params: p, state: newState(p.config), wake: make(chan struct{}, 1)}
}

// Start begins to give metrics.
func (c *edgesConnector) Start(context.Context, component.Host) error {
	// The component outlives the context that it is started with.
	ctx, stop := context.WithCancel(context.Background())
	c.stop = stop
	c.done.Add(1)
	go func() {
		defer c.done.Done()
		c.run(ctx)
	}()
	return nil
}

// Shutdown gives what has not been given yet, and ends.
func (c *edgesConnector) Shutdown(ctx context.Context) error {
	if c.stop == nil {
		return nil
	}
	c.stop()
	c.done.Wait()
	c.stop = nil
	if err := c.give(ctx, everything); err != nil {
		return fmt.Errorf("giving the last metrics: %w", err)
	}
	return nil
}

// Capabilities says that log records are not changed.
func (c *edgesConnector) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

// ConsumeLogs takes log records in. It never refuses: what cannot be read now could not be read the next time either.
func (c *edgesConnector) ConsumeLogs(_ context.Context, logs plog.Logs) error {
	in := read(logs)
	c.mu.Lock()
	happened := c.state.take(in, c.now())
	c.mu.Unlock()
	if happened {
		select {
		case c.wake <- struct{}{}:
		default:
			// A message of events is being made: these go along with it or with the next.
		}
	}
	return nil
}

// run gives events as soon as the last message has been taken, and everything else by the clock.
func (c *edgesConnector) run(ctx context.Context) {
	ticker := time.NewTicker(min(settling, c.config.Interval))
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.wake:
			c.complain(c.give(ctx, onlyEvents))
		case <-ticker.C:
			c.tick(ctx)
		}
	}
}

// tick does what is due.
func (c *edgesConnector) tick(ctx context.Context) {
	now := c.now()
	c.mu.Lock()
	c.state.settle(now, c.refused)
	released := len(c.state.events.dirty) > 0
	c.mu.Unlock()
	if now.Before(c.nextInterval) {
		if released {
			c.complain(c.give(ctx, onlyEvents))
		}
		return
	}
	c.nextInterval = now.Add(c.config.Interval)
	extent := changes
	if c.refused || !now.Before(c.nextHeartbeat) {
		extent = everything
		c.nextHeartbeat = now.Add(c.config.Heartbeat)
	}
	c.complain(c.give(ctx, extent))
}

// extent is how much is given.
type extent int

const (
	onlyEvents extent = iota
	changes
	everything
)

// give makes a message and hands it on. What is refused is given again, with everything else, when the next is due.
func (c *edgesConnector) give(ctx context.Context, extent extent) error {
	at, ok := c.instant(ctx)
	if !ok {
		return nil
	}
	c.mu.Lock()
	e := c.compose(extent, at)
	c.mu.Unlock()
	if e.empty() {
		return nil
	}
	c.last = at
	err := c.next.ConsumeMetrics(ctx, e.metrics)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		c.refused = true
		return fmt.Errorf("handing on metrics: %w", err)
	}
	if extent == everything {
		c.refused = false
	}
	e.arrived()
	return nil
}

// instant gives the time of the next message. Only where one has just been given it has to be waited for.
func (c *edgesConnector) instant(ctx context.Context) (time.Time, bool) {
	now := c.now()
	early := c.last.Add(grain).Sub(now)
	switch {
	case early <= 0:
		return now.Truncate(time.Millisecond), true
	case early > time.Second:
		// The clock was set back: time does not go back in a series.
		return c.last.Add(grain), true
	}
	timer := time.NewTimer(early)
	defer timer.Stop()
	select {
	case <-timer.C:
		return c.last.Add(grain), true
	case <-ctx.Done():
		return time.Time{}, false
	}
}

// compose makes a message. The lock is held.
func (c *edgesConnector) compose(extent extent, at time.Time) *emission {
	zero := at.Add(-time.Millisecond)
	if !c.last.IsZero() {
		zero = c.last.Add(time.Millisecond)
	}
	e := newEmission(c.instance, c.version, pcommon.NewTimestampFromTime(zero), pcommon.NewTimestampFromTime(at))
	all := extent == everything
	e.take(c.state.events.table, all)
	if extent == onlyEvents {
		return e
	}
	for _, t := range c.state.tables()[1:] {
		e.take(t, all)
	}
	if all {
		c.state.tell(c.version)
	}
	for _, t := range c.state.health.tables() {
		e.take(t, all)
	}
	return e
}

// complain says, now and then, that metrics are refused.
func (c *edgesConnector) complain(err error) {
	if err == nil {
		return
	}
	if now := c.now(); now.Sub(c.complained) >= complaint {
		c.complained = now
		c.logger.Warn("metrics are refused; they are given again", zap.Error(err))
	}
}
