// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/common/config"

	"github.com/aeolus-ebpf/aeolus/internal/controller/broadcast"
	"github.com/aeolus-ebpf/aeolus/internal/controller/engine"
)

const (
	// queue is how many changes of anomalies may wait; what does not fit is made good by looking at all of them.
	queue = 1024
	// look is how often that is done.
	look = 5 * time.Second
)

// Notifier keeps Alertmanagers informed. Make it with New and run it once.
type Notifier struct {
	config   Config
	engine   *engine.Engine
	table    *table
	replicas []*replica
}

// New makes a notifier of an engine's anomalies.
func New(c Config, source *engine.Engine) (*Notifier, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	c = c.withDefaults()
	if len(c.Alertmanagers) == 0 {
		return new(Notifier), nil
	}
	var addresses []string
	for _, text := range c.Alertmanagers {
		address, err := parseAddress(text)
		if err != nil {
			return nil, err
		}
		address = address.JoinPath("/api/v2/alerts")
		if !slices.Contains(addresses, address.String()) {
			addresses = append(addresses, address.String())
		}
	}
	c.Alertmanagers = addresses
	n := &Notifier{config: c, engine: source, table: newTable(c)}
	for i, address := range addresses {
		client, err := config.NewClientFromConfig(*c.HTTP, "alertmanager")
		if err != nil {
			return nil, fmt.Errorf("preparing to reach Alertmanagers: %w", err)
		}
		n.replicas = append(n.replicas, &replica{
			index: i, address: address, client: client, table: n.table, timeout: c.Timeout, logger: c.Logger,
			stage: c.Ledger.Stage("notify.requests"), wake: make(chan struct{}, 1),
		})
	}
	return n, nil
}

// Run follows the engine until the context ends. Alerts link to the page at an address unless one was configured.
func (n *Notifier) Run(ctx context.Context, page string) error {
	if len(n.replicas) == 0 {
		return nil
	}
	if n.table.config.ExternalURL == "" {
		n.table.config.ExternalURL = page
	}
	changes := n.engine.Anomalies.Subscribe(queue)
	defer changes.Close()
	n.recall()
	var loops sync.WaitGroup
	for _, r := range n.replicas {
		loops.Go(func() {
			defer r.client.CloseIdleConnections()
			r.run(ctx)
		})
	}
	n.follow(ctx, changes)
	loops.Wait()
	return nil
}

// recall takes in what has ended of late: the run before may not have come to tell that.
func (n *Notifier) recall() {
	now := n.config.Now()
	since := now.Add(-n.config.Retention)
	n.engine.Read(func(v engine.View) {
		v.Ended(func(a *engine.Anomaly) bool {
			if a.Closed.After(since) {
				made := fromEngine(a, now)
				n.table.recall(&made)
			}
			return true
		})
	})
}

// follow takes in changes as they come, and now and then looks at everything, because the queue of changes is bounded.
func (n *Notifier) follow(ctx context.Context, changes *broadcast.Subscription[*engine.Anomaly]) {
	ticker := time.NewTicker(look)
	defer ticker.Stop()
	n.reconcile()
	for {
		select {
		case <-ctx.Done():
			return
		case changed := <-changes.C():
			n.take(changed)
		case <-ticker.C:
			for waiting := len(changes.C()); waiting > 0; waiting-- {
				n.take(<-changes.C())
			}
			n.reconcile()
		}
	}
}

func (n *Notifier) take(changed *engine.Anomaly) {
	made := fromEngine(changed, n.config.Now())
	if n.table.put(&made) {
		n.nudge()
	}
}

// reconcile makes the table agree with what is open.
func (n *Notifier) reconcile() {
	var open []Anomaly
	now := n.config.Now()
	n.engine.Read(func(v engine.View) {
		for _, a := range v.Open() {
			open = append(open, fromEngine(a, now))
		}
	})
	known, news := map[string]bool{}, false
	for i := range open {
		known[open[i].ID] = true
		news = n.table.put(&open[i]) || news
	}
	if n.table.keepOnly(known) || news {
		n.nudge()
	}
}

func (n *Notifier) nudge() {
	for _, r := range n.replicas {
		r.nudge()
	}
}
