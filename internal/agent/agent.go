// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/aeolus-ebpf/aeolus/internal/agent/export"
	"github.com/aeolus-ebpf/aeolus/internal/agent/reconcile"
	"github.com/aeolus-ebpf/aeolus/internal/agent/track"
	"github.com/aeolus-ebpf/aeolus/internal/assign"
	"github.com/aeolus-ebpf/aeolus/internal/defect"
	"github.com/aeolus-ebpf/aeolus/internal/loss"
	"github.com/aeolus-ebpf/aeolus/internal/sensor"
	"github.com/aeolus-ebpf/aeolus/internal/version"
	"github.com/aeolus-ebpf/aeolus/internal/wire"
)

const (
	// lastWords is how long the last batches and events may take when the agent ends.
	lastWords = 500 * time.Millisecond
	// stopWithin is how long sensors may take to leave the kernel before the agent says that they did not.
	stopWithin = 5 * time.Second
)

// ErrStuck is returned by Run when something did not end in time. The programs leave the kernel with the process.
var ErrStuck = errors.New("the agent did not end in time")

// Agent watches one node.
type Agent struct {
	config     Config
	host       *Host
	id         string
	ledger     *loss.Ledger
	links      links
	flows      *export.Flows
	events     *export.Events
	pipeline   *pipeline
	reconciler *reconcile.Reconciler
	control    *control
}

// New makes an agent. Nothing is loaded, attached or dialled before Run.
func New(config Config) (*Agent, error) {
	config, err := config.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("configuring the agent: %w", err)
	}
	host := config.Host
	if host == nil {
		if host, err = thisHost(config); err != nil {
			return nil, fmt.Errorf("looking at this host: %w", err)
		}
	}
	id, err := newID()
	if err != nil {
		return nil, err
	}
	connections, err := connect(config)
	if err != nil {
		return nil, err
	}
	a := &Agent{config: config, host: host, id: id, ledger: loss.NewLedger(), links: connections}
	a.assemble()
	return a, nil
}

// newID draws the 16 digits that tell this start of the agent from every other.
func newID() (string, error) {
	var id [8]byte
	if _, err := rand.Read(id[:]); err != nil {
		return "", fmt.Errorf("drawing the agent's id: %w", err)
	}
	return hex.EncodeToString(id[:]), nil
}

// assemble builds the parts and lays the pipe between them.
func (a *Agent) assemble() {
	logger := a.config.Logger
	a.flows = export.NewFlows(export.FlowsConfig{
		Connection: a.links.reports, Batches: a.config.Batches, Bytes: a.config.BatchBytes,
		Stage: a.ledger.Stage("flow-export"), Logger: logger,
	})
	a.events = export.NewEvents(export.EventsConfig{
		Connection: a.links.reports, Most: a.config.Events, Stage: a.ledger.Stage("event-export"), Logger: logger,
		Reporter: wire.Reporter{Node: a.config.Node, AgentID: a.id, Version: version.String()},
	})
	own := newOwnTraffic(a.host.NetNS, a.config.Controller, a.config.Reports)
	table := track.NewTable(track.Config{
		Resolver: a.host.Resolver, Own: own.has, Connections: a.config.Connections,
		Monotonic: a.host.Monotonic, Ledger: a.ledger,
	})
	a.pipeline = &pipeline{
		node: a.config.Node, agentID: a.id, resolver: a.host.Resolver, own: own, reach: newReach(a.host.Settings.Scope), table: table,
		flows: a.flows, events: a.events, ledger: a.ledger, monotonic: a.host.Monotonic,
	}
	a.pipeline.attached = make(chan struct{}, 1)
	a.pipeline.last = a.pipeline.readAnchor()
	a.pipeline.describe.Store(true)
	a.reconciler = reconcile.New(reconcile.Config{Make: a.makeSensor, Sink: a.pipeline, Defaults: a.config.Defaults, Logger: logger})
	a.control = newControl(a)
}

// makeSensor constructs what an assignment asks for.
func (a *Agent) makeSensor(assignment assign.Assignment) (sensor.Sensor, error) {
	construct, known := a.host.Sensors[assignment.Sensor.Name]
	if !known {
		return nil, fmt.Errorf("this agent has no sensor named %.40q", assignment.Sensor.Name)
	}
	settings := a.host.Settings
	settings.Parameters = assignment.Sensor.Parameters
	settings.Ledger = a.ledger
	settings.Logger = a.config.Logger.With("sensor", assignment.Sensor.Name)
	return construct(settings)
}

// Run watches until the context ends. Then the sensors leave the kernel, and what they saw last is sent if that can be
// done at once.
func (a *Agent) Run(ctx context.Context) error {
	defer a.links.close()
	a.config.Logger.Info("the agent starts", "node", a.config.Node, "agent", a.id, "controller", a.config.Controller,
		"reports", a.config.Reports, "scope", a.config.Scope.String(), "version", version.String())
	group, inner := errgroup.WithContext(ctx)
	defect.Go(group, func() error { return a.host.Resolver.Run(inner) })
	defect.Go(group, func() error { return a.reconciler.Run(inner) })
	defect.Go(group, func() error { return a.control.run(inner) })
	defect.Go(group, func() error { return a.links.watch(inner, a.pipeline.greet) })
	defect.Go(group, func() error { return a.pipeline.run(inner, a.config.Interval) })
	defect.Go(group, func() error { return a.flows.Run(inner) })
	defect.Go(group, func() error { return a.events.Run(inner) })

	ended := make(chan error, 1)
	go func() { ended <- group.Wait() }()
	err := a.await(inner, ended)
	if errors.Is(err, ErrStuck) || errors.Is(err, defect.ErrPanic) {
		return err
	}
	a.pipeline.collect()
	a.flush()
	a.config.Logger.Info("the agent has ended", "agent", a.id)
	return err
}

// await waits for the parts to end, for as long as it takes until the context ends, and for stopWithin after.
func (a *Agent) await(inner context.Context, ended <-chan error) error {
	select {
	case err := <-ended:
		return err
	case <-inner.Done():
	}
	timer := time.NewTimer(stopWithin)
	defer timer.Stop()
	select {
	case err := <-ended:
		return err
	case <-timer.C:
		return fmt.Errorf("stopping: %w", ErrStuck)
	}
}

// flush gives what is still held one short chance.
func (a *Agent) flush() {
	ctx, cancel := context.WithTimeout(context.Background(), lastWords)
	defer cancel()
	var group errgroup.Group
	group.Go(func() error { a.events.Flush(ctx); return nil })
	group.Go(func() error { a.flows.Flush(ctx); return nil })
	_ = group.Wait()
	if events, rows := a.events.Held(), a.flows.Held(); events > 0 || rows > 0 {
		a.config.Logger.Warn("not everything was taken before the end", "events", events, "rows", rows)
	}
}
