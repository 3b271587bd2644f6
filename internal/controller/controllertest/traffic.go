// SPDX-License-Identifier: Apache-2.0

package controllertest

import (
	"context"
	"fmt"
	"math"
	"net/netip"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/model"
)

// Run feeds a sink with one batch a second until the context ends.
func (w *World) Run(ctx context.Context, sink Sink) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	w.Step(sink, time.Now())
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			w.Step(sink, time.Now())
		}
	}
}

// Step feeds a sink with what happened in the second before a time: the events first, as agents do.
func (w *World) Step(sink Sink, now time.Time) {
	w.mu.Lock()
	batch, events := w.second(now)
	w.mu.Unlock()
	if len(events) > 0 {
		sink.ApplyEvents(events)
	}
	sink.ApplyBatch(batch)
}

func (w *World) second(now time.Time) (*model.Batch, []model.Event) {
	w.sequence++
	batch := &model.Batch{Node: w.node, AgentID: w.agent, Sequence: w.sequence, Taken: now, Interval: time.Second}
	for _, work := range w.works {
		for i, endpoint := range work.endpoints {
			batch.Listeners = append(batch.Listeners, model.BoundListener{
				Local: netip.AddrPortFrom(netip.IPv4Unspecified(), work.port), Endpoint: endpoint,
			})
			batch.Addresses = append(batch.Addresses, model.AddressOwner{
				Address: work.addresses[i], NetNS: endpoint.NetNS, Endpoint: endpoint,
			})
		}
	}
	var events []model.Event
	for _, c := range w.calls {
		events = append(events, w.traffic(batch, c, now)...)
	}
	batch.Stages = []model.StageCount{{Stage: "sensor.tcp", In: uint64(len(batch.Flows)), Out: uint64(len(batch.Flows))}}
	return batch, events
}

// poisson draws a count with a mean.
func (w *World) poisson(mean float64) int {
	limit, product, n := math.Exp(-mean), w.random.Float64(), 0
	for product > limit {
		product *= w.random.Float64()
		n++
	}
	return n
}

func (w *World) traffic(batch *model.Batch, c *call, now time.Time) []model.Event {
	if c.fault == FaultSilence {
		return nil
	}
	var events []model.Event
	requests := w.poisson(c.perSecond)
	if c.keepAlive && c.fault != FaultRefuse && c.fault != FaultIgnore {
		if c.fault == FaultReset && len(c.open) > 0 {
			for _, s := range c.open {
				events = append(events, w.resetStream(batch, c, s, now)...)
			}
			c.open = nil
			return events
		}
		for len(c.open) < 2 {
			c.open = append(c.open, w.newStream(c, now))
		}
		for i, s := range c.open {
			w.progress(batch, c, s, now, (requests+i)/len(c.open))
		}
		return nil
	}
	if c.keepAlive {
		requests = min(requests, 4)
	}
	for range requests {
		events = append(events, w.connect(batch, c, now)...)
	}
	return events
}

func (w *World) newStream(c *call, now time.Time) *stream {
	w.cookie += 2
	w.port++
	if w.port < 32768 {
		w.port = 32768
	}
	client := c.client.addresses[0]
	start := now.Add(-time.Duration(w.random.IntN(900)+50) * time.Millisecond)
	return &stream{cookie: w.cookie, local: netip.AddrPortFrom(client, w.port), start: start, fresh: true}
}

// halves gives both rows of a connection, the same but for the side.
func (w *World) halves(c *call, s *stream) (client, server model.Flow) {
	remote := c.external
	if c.server != nil {
		n := int(s.cookie/2) % len(c.server.addresses)
		remote = netip.AddrPortFrom(c.server.addresses[n], c.server.port)
		server = model.Flow{
			Cookie: s.cookie + 1, Endpoint: c.server.endpoints[n], Local: remote, Remote: s.local, Role: model.RoleServer,
			Start: s.start,
		}
	}
	client = model.Flow{
		Cookie: s.cookie, Endpoint: c.client.endpoints[0], Local: s.local, Remote: remote, Role: model.RoleClient,
		Start: s.start,
	}
	return client, server
}

// carry fills in so many requests.
func (w *World) carry(c *call, client, server *model.Flow, requests int) {
	n := uint64(requests)
	client.Delta = model.Counters{
		SentBytes: 320 * n, ReceivedBytes: 1900 * n, SentSegments: 2*n + 1, ReceivedSegments: 2*n + 1,
	}
	if c.fault == FaultDrop {
		client.Delta.Retransmits = uint64(w.poisson(0.15 * float64(2*n)))
	}
	rtt := time.Duration((60 + 30*w.random.NormFloat64()) * float64(time.Microsecond)).Abs()
	client.SmoothedRTT, client.MinRTT = rtt+20*time.Microsecond, 25*time.Microsecond
	if client.Opened {
		client.Handshake = rtt/2 + 20*time.Microsecond
	}
	if c.fault == FaultDelay {
		client.SmoothedRTT += 80 * time.Millisecond
		if client.Opened {
			client.MinRTT += 80 * time.Millisecond
			client.Handshake += 80 * time.Millisecond
		}
	}
	server.Delta = model.Counters{
		SentBytes: client.Delta.ReceivedBytes, ReceivedBytes: client.Delta.SentBytes,
		SentSegments: client.Delta.ReceivedSegments, ReceivedSegments: client.Delta.SentSegments,
	}
	server.SmoothedRTT, server.MinRTT = client.SmoothedRTT, client.MinRTT
}

func (w *World) progress(batch *model.Batch, c *call, s *stream, now time.Time, requests int) {
	client, server := w.halves(c, s)
	client.Opened, client.Established, server.Established = s.fresh, s.fresh, s.fresh
	s.fresh = false
	w.carry(c, &client, &server, requests)
	if requests == 0 && !client.Opened {
		return
	}
	batch.Flows = append(batch.Flows, client)
	if c.server != nil {
		batch.Flows = append(batch.Flows, server)
	}
}

// connect makes a connection that carries one request and ends.
func (w *World) connect(batch *model.Batch, c *call, now time.Time) []model.Event {
	s := w.newStream(c, now)
	client, server := w.halves(c, s)
	client.Opened, client.Closed = true, true
	client.End = s.start.Add(time.Duration(w.random.IntN(30)+1) * time.Millisecond)
	switch c.fault {
	case FaultRefuse:
		client.Failure = model.FailureRefused
		client.Delta = model.Counters{SentSegments: 1, ReceivedSegments: 1}
		batch.Flows = append(batch.Flows, client)
		return []model.Event{w.event(&client, model.EventRefused, now, 111)}
	case FaultIgnore:
		client.Failure = model.FailureGivenUp
		client.Delta = model.Counters{SentSegments: 2, Retransmits: 1}
		batch.Flows = append(batch.Flows, client)
		return []model.Event{w.event(&client, model.EventGivenUp, now, 0)}
	case FaultReset:
		client.Established, server.Established = true, true
		return append(w.resetFlow(batch, c, client, server, now), w.event(&client, model.EventReset, now, 104))
	}
	client.Established, server.Established, server.Closed, server.End = true, true, true, client.End
	w.carry(c, &client, &server, 1)
	batch.Flows = append(batch.Flows, client)
	if c.server != nil {
		batch.Flows = append(batch.Flows, server)
	}
	return nil
}

func (w *World) resetFlow(batch *model.Batch, c *call, client, server model.Flow, now time.Time) []model.Event {
	client.Closed, client.End, client.Failure = true, now, model.FailureReset
	server.Closed, server.End, server.Failure = true, now, model.FailureReset
	w.carry(c, &client, &server, 1)
	client.Delta.ResetsReceived, server.Delta.ResetsSent = 1, 1
	batch.Flows = append(batch.Flows, client)
	if c.server != nil {
		batch.Flows = append(batch.Flows, server)
	}
	return nil
}

func (w *World) resetStream(batch *model.Batch, c *call, s *stream, now time.Time) []model.Event {
	client, server := w.halves(c, s)
	w.resetFlow(batch, c, client, server, now)
	return []model.Event{w.event(&client, model.EventReset, now, 104)}
}

func (w *World) event(flow *model.Flow, kind model.EventKind, now time.Time, errno uint16) model.Event {
	w.number++
	at := now.Add(-time.Duration(w.random.IntN(1500)+200) * time.Microsecond)
	return model.Event{
		ID: fmt.Sprintf("%s-%d", w.agent, w.number), Kind: kind, Node: w.node, Time: at, Cookie: flow.Cookie,
		Local: flow.Local, Remote: flow.Remote, Role: flow.Role, Endpoint: flow.Endpoint, Errno: errno, Attempt: 1,
		ByPeer: true, Received: at.Add(20 * time.Microsecond),
	}
}
