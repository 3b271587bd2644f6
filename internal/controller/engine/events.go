// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"fmt"
	"strconv"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/controller/detect"
	"github.com/aeolus-ebpf/aeolus/internal/graph"
	"github.com/aeolus-ebpf/aeolus/internal/model"
)

// ApplyEvents takes in events that arrived now.
func (e *Engine) ApplyEvents(events []model.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := e.now()
	e.clock = now
	e.eventStage.In(uint64(len(events)))
	for i := range events {
		event := &events[i]
		switch {
		case event.Endpoint == nil:
			e.eventStage.Drop("no-endpoint", 1)
		case !e.known.First(event.Node, event.ID):
			e.eventStage.Drop("duplicate", 1)
		case e.hold(event, now):
		default:
			e.apply(event, now)
		}
	}
	e.announceEdges(now)
}

// heldEvent is an event that waits to be told who is where.
type heldEvent struct {
	event model.Event
	until time.Time
}

// hold keeps an event back for a while if its node's first batch, which is under way, will say where it belongs.
func (e *Engine) hold(event *model.Event, now time.Time) bool {
	if e.reducer.Knows(event.Node) || len(e.held) >= maxHeld {
		return false
	}
	e.held = append(e.held, heldEvent{*event, now.Add(patience)})
	return true
}

// releaseHeld applies the events that have a place now, and those that have waited long enough.
func (e *Engine) releaseHeld(now time.Time) {
	if len(e.held) == 0 {
		return
	}
	kept := e.held[:0]
	for i := range e.held {
		held := e.held[i]
		if e.reducer.Knows(held.event.Node) || !now.Before(held.until) {
			e.apply(&held.event, now)
			continue
		}
		kept = append(kept, held)
	}
	clear(e.held[len(kept):])
	e.held = kept
}

// apply puts an event on its edge, lets the detectors judge it and tells those who watch.
func (e *Engine) apply(event *model.Event, now time.Time) {
	if event.Time.After(now.Add(time.Second)) {
		// Its clock is that far ahead: only when it arrived is known. What is old may have waited for a controller.
		event.Time = now
	}
	located := e.reducer.Locate(event, now)
	edge := located.Edge
	if event.Time.After(edge.LastSeen) && event.Time.Before(now.Add(time.Second)) {
		edge.LastSeen = event.Time
	}
	client, server, reporter := event.Local, event.Remote, "client"
	if located.Role == model.RoleServer {
		client, server, reporter = event.Remote, event.Local, "server"
	}
	record := &Event{
		ID: event.ID, Time: event.Time, Kind: event.Kind, Edge: edge, Client: client, Server: server,
		Reporter: reporter, Node: event.Node, PID: event.Endpoint.PID, Process: event.Endpoint.Process,
		Latency: now.Sub(event.Time), Attributes: attributes(event),
	}
	record.Text = sentence(event, edge, record)
	e.publish(record)
	if located.First && !edge.Own {
		e.detectStage.In(1)
		e.decide(e.detector.Event(detect.Occurrence{
			Edge: edge.ID, Kind: event.Kind, Time: event.Time, Arrived: now,
		}))
		e.detectStage.Out(1)
	}
	e.eventStage.Out(1)
}

func (e *Engine) publish(record *Event) {
	e.events.add(record)
	if e.config.Recorder != nil {
		e.config.Recorder.Event(record.row())
	}
	e.Events.Publish(record)
}

// announceEdges makes events of edges that were never seen before, once it has been learned which are usual.
func (e *Engine) announceEdges(now time.Time) {
	fresh := e.newEdges
	e.newEdges = e.newEdges[:0]
	if now.Sub(e.started) < e.detector.Learning() {
		return
	}
	for _, edge := range fresh {
		if edge.Own || edge.Client.Other {
			continue
		}
		e.edgeNumber++
		e.publish(&Event{
			ID: "controller-" + strconv.FormatUint(e.edgeNumber, 10), Time: now, Kind: model.EventNewEdge, Edge: edge,
			Reporter: "controller",
			Text:     fmt.Sprintf("%s talks to %s for the first time", edge.Client.Name, edge.Server.Name),
		})
		e.decide(e.detector.Event(detect.Occurrence{
			Edge: edge.ID, Kind: model.EventNewEdge, Time: now, Arrived: now,
		}))
	}
}

func attributes(event *model.Event) map[string]string {
	found := map[string]string{}
	if event.Errno != 0 {
		found["errno"] = strconv.Itoa(int(event.Errno))
	}
	if event.Attempt != 0 {
		found["attempt"] = strconv.Itoa(int(event.Attempt))
	}
	if event.Kind == model.EventReset {
		found["by_peer"] = strconv.FormatBool(event.ByPeer)
	}
	if event.Endpoint.Instance != "" {
		found["instance"] = event.Endpoint.Instance
	}
	if event.Endpoint.Version != "" {
		found["version"] = event.Endpoint.Version
	}
	if !event.Received.IsZero() {
		found["agent_latency"] = event.Received.Sub(event.Time).String()
	}
	return found
}

// sentence says in words what happened.
func sentence(event *model.Event, edge *graph.Edge, record *Event) string {
	client, server := edge.Client.Name, edge.Server.Name
	place := record.Server.String()
	switch event.Kind {
	case model.EventRefused:
		return fmt.Sprintf("%s refused a connect of %s to %s", server, client, place)
	case model.EventTimedOut:
		return fmt.Sprintf("%s never answered a connect of %s to %s, until the kernel gave up", server, client, place)
	case model.EventGivenUp:
		return fmt.Sprintf("%s gave up a connect to %s, which %s had not answered", client, place, server)
	case model.EventUnreachable:
		return fmt.Sprintf("the network cannot reach %s at %s for %s", server, place, client)
	case model.EventNoRoute:
		return fmt.Sprintf("%s has no route to %s at %s", client, server, place)
	case model.EventNeverSent:
		return fmt.Sprintf("a connect of %s to %s at %s was never sent", client, server, place)
	case model.EventRetrying:
		return fmt.Sprintf("%s does not answer %s at %s, which is trying again", server, client, place)
	case model.EventReset:
		by := client
		if (record.Reporter == "client") == event.ByPeer {
			by = server
		}
		return fmt.Sprintf("%s reset a connection between %s and %s", by, client, server)
	}
	return fmt.Sprintf("%s between %s and %s", event.Kind, client, server)
}
