// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	flowv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/flow/v1"
	"github.com/aeolus-ebpf/aeolus/internal/agent/export"
	"github.com/aeolus-ebpf/aeolus/internal/agent/track"
	"github.com/aeolus-ebpf/aeolus/internal/loss"
	"github.com/aeolus-ebpf/aeolus/internal/model"
	"github.com/aeolus-ebpf/aeolus/internal/sensor"
	"github.com/aeolus-ebpf/aeolus/internal/wire"
)

// describeEvery is how often listeners and addresses travel though they have not changed: a receiver that has come up
// since knows them within this time.
const describeEvery = 10 * time.Second

// pipeline leads from what sensors report to what is exported. It is the sensors' sink.
type pipeline struct {
	node, agentID string
	resolver      Resolver
	own           *ownTraffic
	reach         *reach
	table         *track.Table
	flows         *export.Flows
	events        *export.Events
	ledger        *loss.Ledger
	monotonic     func() uint64

	anchor      atomic.Pointer[track.Anchor]
	eventNumber atomic.Uint64
	// describe is set where listeners, addresses and all open connections are wanted with the next batch.
	describe atomic.Bool
	// attached holds a word when a controller has come up.
	attached chan struct{}

	// collecting is held while a batch is made; it guards what follows.
	collecting sync.Mutex
	sequence   uint64
	last       track.Anchor
	described  description
}

// description is what was last told of listeners and addresses.
type description struct {
	at        uint64
	listeners []model.BoundListener
	addresses []model.AddressOwner
}

var _ sensor.Sink = (*pipeline)(nil)

// Event resolves an urgent record and hands it to the exporter at once. Who lives at the other address, if it is one of
// this host's and new, goes out just before.
func (p *pipeline) Event(from sensor.Event) {
	c := &from.Conn
	p.reach.note(&c.Owner)
	if p.resolver.Locate(c.Remote.Addr()) {
		p.tell()
	}
	anchor := p.anchor.Load()
	endpoint := p.resolver.Resolve(c.Owner)
	p.events.Push(model.Event{
		ID:       p.agentID + "-" + strconv.FormatUint(p.eventNumber.Add(1), 10),
		Kind:     from.Kind,
		Node:     p.node,
		Time:     anchor.Time(c.Taken),
		Received: anchor.Time(from.Read),
		Cookie:   c.Cookie,
		Local:    c.Local,
		Remote:   c.Remote,
		Role:     c.Role,
		Endpoint: endpoint,
		Errno:    c.Errno,
		Attempt:  attempt(c),
		ByPeer:   from.ByPeer,
		Own:      endpoint.Own || p.own.has(c.Owner, c.Local, c.Remote),
	})
}

// tellWithin is how long an event waits until it has been told who lives at the address that it is about.
const tellWithin = 40 * time.Millisecond

// tell sends a batch now, and waits a moment until it has been taken: what comes after it will be understood. Where older
// ones wait for a receiver it does not.
func (p *pipeline) tell() {
	reachable := p.flows.Waiting() == 0
	p.collect()
	for end := p.monotonic() + uint64(tellWithin); reachable && p.flows.Waiting() > 0 && p.monotonic() < end; {
		time.Sleep(time.Millisecond)
	}
}

// attempt counts the SYNs that a client has sent.
func attempt(c *model.Connection) uint8 {
	if c.Role == model.RoleServer || c.Opened == 0 {
		return 0
	}
	return c.SynRetransmits + 1
}

// Connections hands snapshots to the table.
func (p *pipeline) Connections(snapshots []model.Connection) {
	for i := range snapshots {
		p.reach.note(&snapshots[i].Owner)
	}
	p.table.Connections(snapshots)
}

// Listeners hands listening sockets to the table.
func (p *pipeline) Listeners(changes []model.Listener) {
	for i := range changes {
		p.reach.note(&changes[i].Owner)
	}
	p.table.Listeners(changes)
}

// Walked tells the table that it has seen every socket.
func (p *pipeline) Walked(began uint64) { p.table.Walked(began) }

// readAnchor reads both clocks together: the wall between two readings of the other.
func (p *pipeline) readAnchor() track.Anchor {
	before := p.monotonic()
	wall := time.Now().UnixNano()
	after := p.monotonic()
	anchor := track.Anchor{Mono: before + (after-before)/2, Wall: wall}
	p.anchor.Store(&anchor)
	return anchor
}

// run makes a batch each interval until the context ends.
func (p *pipeline) run(ctx context.Context, interval time.Duration) error {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			p.collect()
		case <-p.attached:
			// Until it knows the addresses of this node, a controller that has come up can make little of events.
			p.describe.Store(true)
			p.collect()
		}
	}
}

// greet has a batch made at once, for a controller that has come up.
func (p *pipeline) greet() {
	select {
	case p.attached <- struct{}{}:
	default:
	}
}

// collect makes the batches of what has happened since the last time, and hands them to the exporter.
func (p *pipeline) collect() {
	p.collecting.Lock()
	defer p.collecting.Unlock()
	anchor := p.readAnchor()
	wanted := p.describe.Swap(false)
	if wanted {
		p.table.Retell()
	}
	batch := &model.Batch{
		Node:     p.node,
		AgentID:  p.agentID,
		Taken:    time.Unix(0, anchor.Wall),
		Mono:     anchor.Mono,
		Interval: time.Duration(anchor.Mono - p.last.Mono),
		Flows:    p.table.Take(anchor),
	}
	p.last = anchor
	p.addDescription(batch, wanted)
	if len(batch.Flows)+len(batch.Listeners)+len(batch.Addresses) == 0 && p.flows.Waiting() > 0 {
		// It would only say that the agent lives, and push out what says more.
		return
	}
	for _, count := range p.ledger.Counts() {
		batch.Stages = append(batch.Stages, model.StageCount(count))
	}
	for _, encoded := range p.encode(batch) {
		p.flows.Push(encoded)
	}
}

func (p *pipeline) encode(batch *model.Batch) []*flowv1.Batch {
	return wire.EncodeBatches(batch, func() uint64 { p.sequence++; return p.sequence })
}

// addDescription adds listeners and addresses where they have changed, are wanted, or were not told for a while.
func (p *pipeline) addDescription(batch *model.Batch, wanted bool) {
	stale := batch.Mono-p.described.at >= uint64(describeEvery)
	listeners, addresses := p.table.Bound(), p.reach.within(p.resolver.Addresses())
	if wanted || stale || !slices.Equal(listeners, p.described.listeners) {
		batch.Listeners = listeners
	}
	if wanted || stale || !slices.Equal(addresses, p.described.addresses) {
		batch.Addresses = addresses
	}
	p.described.listeners, p.described.addresses = listeners, addresses
	if wanted || stale {
		p.described.at = batch.Mono
	}
}
