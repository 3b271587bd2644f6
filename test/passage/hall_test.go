// SPDX-License-Identifier: Apache-2.0

package passage

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	flowv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/flow/v1"
	"github.com/aeolus-ebpf/aeolus/internal/agent/export"
	"github.com/aeolus-ebpf/aeolus/internal/collector/passage/passagetest"
	"github.com/aeolus-ebpf/aeolus/internal/controller/controllertest"
	"github.com/aeolus-ebpf/aeolus/internal/loss"
	"github.com/aeolus-ebpf/aeolus/internal/model"
	"github.com/aeolus-ebpf/aeolus/internal/pki"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
	"github.com/aeolus-ebpf/aeolus/internal/wire"
)

const patience = 60 * time.Second

// hall is a collector between agents and desks.
type hall struct {
	t         *testing.T
	authority *pki.Authority
	desks     []*desk
	address   string
	config    passagetest.Config
	stop      func()
}

// newHall runs a collector; a directory is where it spools, none for not at all.
func newHall(t *testing.T, desks int, directory string) *hall {
	t.Helper()
	authority, err := pki.NewAuthority()
	require.NoError(t, err)
	h := &hall{t: t, authority: authority}
	var endpoints []string
	for range desks {
		d := newDesk(t, authority)
		h.desks = append(h.desks, d)
		endpoints = append(endpoints, d.line.address)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	h.address = listener.Addr().String()
	require.NoError(t, listener.Close())
	issued, err := authority.IssueCollector("hall", "127.0.0.1")
	require.NoError(t, err)
	encoded, err := authority.EncodePEM(issued)
	require.NoError(t, err)
	h.config = passagetest.Config{Listen: h.address, Endpoints: endpoints, PEM: encoded, Directory: directory, Timeout: time.Second}
	h.start()
	t.Cleanup(func() { h.stop() })
	return h
}

// start runs a collector where the last one was.
func (h *hall) start() {
	h.t.Helper()
	made, err := passagetest.Start(context.Background(), h.config)
	require.NoError(h.t, err)
	h.stop = sync.OnceFunc(func() { require.NoError(h.t, made.Stop(context.Background())) })
}

// agent is an agent's real exporters, with what was handed to them.
type agent struct {
	h      *hall
	node   string
	id     string
	world  *controllertest.World
	now    time.Time
	ledger *loss.Ledger
	flows  *export.Flows
	events *export.Events

	wantBatches []*model.Batch
	wantEvents  []model.Event
}

// newAgent makes the agent of a node, whose world has so many connections a second that all of them differ.
func newAgent(h *hall, number int) *agent {
	h.t.Helper()
	a := &agent{
		h: h, node: fmt.Sprintf("node-%d", number), id: fmt.Sprintf("%016x", number+1), world: controllertest.NewShop(uint64(number)),
		now: time.Unix(1_700_000_000, 0), ledger: loss.NewLedger(),
	}
	a.world.Switch("checkout", "payment", controllertest.FaultRefuse)
	certificate, err := h.authority.IssueAgent(a.node)
	require.NoError(h.t, err)
	connection, err := grpc.NewClient(h.address, grpc.WithTransportCredentials(credentials.NewTLS(pki.ClientConfig(certificate, h.authority.Pool()))))
	require.NoError(h.t, err)
	logger := slog.New(slog.DiscardHandler)
	a.flows = export.NewFlows(export.FlowsConfig{Connection: connection, Batches: 2_000, Bytes: 1 << 30, Stage: a.ledger.Stage("flows"), Logger: logger})
	a.events = export.NewEvents(export.EventsConfig{
		Connection: connection, Most: 1 << 16, Stage: a.ledger.Stage("events"), Logger: logger,
		Reporter: wire.Reporter{Node: a.node, AgentID: a.id, Version: "test"},
	})
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = a.flows.Run(ctx) })
	running.Go(func() { _ = a.events.Run(ctx) })
	h.t.Cleanup(func() {
		cancel()
		running.Wait()
		_ = connection.Close()
	})
	return a
}

// ApplyBatch hands a batch to the exporter.
func (a *agent) ApplyBatch(batch *model.Batch) {
	batch.Node, batch.AgentID, batch.Mono = a.node, a.id, uint64(batch.Taken.UnixNano())
	encoded := wire.EncodeBatch(batch)
	want, _, err := wire.DecodeBatch(encoded, nil)
	require.NoError(a.h.t, err)
	a.wantBatches = append(a.wantBatches, want)
	a.push(encoded)
}

func (a *agent) push(batch *flowv1.Batch) { a.flows.Push(batch) }

// ApplyEvents hands events to the exporter.
func (a *agent) ApplyEvents(events []model.Event) {
	for i := range events {
		events[i].Node = a.node
		events[i].ID = fmt.Sprintf("%s-%d", a.id, len(a.wantEvents)+1)
		a.wantEvents = append(a.wantEvents, events[i])
		a.events.Push(events[i])
	}
}

// seconds lets so many seconds pass in the agent's world.
func (a *agent) seconds(n int) {
	for range n {
		a.now = a.now.Add(time.Second)
		a.world.Step(a, a.now)
	}
}

// answered waits until everything that was handed over has been answered.
func (a *agent) answered() {
	a.h.t.Helper()
	testkit.Eventually(a.h.t, patience, func() string {
		if batches, events := a.flows.Waiting(), a.events.Held(); batches > 0 || events > 0 {
			return fmt.Sprintf("%s holds %d batches and %d events", a.node, batches, events)
		}
		return ""
	})
}

// arrived waits until a desk has applied everything that the agent was handed, and compares row by row.
func (a *agent) arrived(d *desk) {
	a.h.t.Helper()
	testkit.Eventually(a.h.t, patience, func() string {
		batches, events := d.got(a.node, a.id)
		if len(batches) < len(a.wantBatches) || len(events) < len(a.wantEvents) {
			return fmt.Sprintf("of %s %d of %d batches and %d of %d events have arrived", a.node, len(batches), len(a.wantBatches), len(events), len(a.wantEvents))
		}
		return ""
	})
	batches, events := d.got(a.node, a.id)
	require.Len(a.h.t, batches, len(a.wantBatches))
	for i, batch := range batches {
		require.Equal(a.h.t, a.wantBatches[i], batch, "in order, and row by row")
	}
	require.Len(a.h.t, events, len(a.wantEvents))
	for i := range events {
		require.Equal(a.h.t, a.wantEvents[i].ID, events[i].ID)
		require.Equal(a.h.t, a.wantEvents[i].Kind, events[i].Kind)
		require.True(a.h.t, a.wantEvents[i].Time.Equal(events[i].Time))
		require.Equal(a.h.t, a.wantEvents[i].Endpoint.Workload, events[i].Endpoint.Workload)
	}
	for _, count := range a.ledger.Counts() {
		require.Equal(a.h.t, count.In, count.Out, "%s: nothing was dropped: %v", count.Stage, count.Dropped)
	}
}
