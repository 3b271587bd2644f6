// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"github.com/aeolus-ebpf/aeolus/internal/controller/detect"
	"github.com/aeolus-ebpf/aeolus/internal/graph"
)

// decide carries out what the detectors decided.
func (e *Engine) decide(decisions []detect.Decision) {
	for _, decision := range decisions {
		edge := e.graph.Edges()[decision.Anomaly.Edge]
		if edge == nil {
			continue
		}
		anomaly := &Anomaly{
			Anomaly: decision.Anomaly, On: edge, Key: graph.Identify(string(decision.Anomaly.Kind), edge.ID),
		}
		operation := e.earlier.carryOn(decision.Operation, anomaly)
		anomaly.Summary = detect.Sentence(&anomaly.Anomaly, edge.Client.Name, edge.Server.Name)
		e.put(operation, anomaly)
	}
}

// put makes an anomaly the one that is known under its id, and tells of it.
func (e *Engine) put(operation detect.Operation, anomaly *Anomaly) {
	if before := e.open[anomaly.ID]; before != nil && anomaly.Acknowledgement == nil {
		anomaly.Acknowledgement = before.Acknowledgement
	}
	e.place(anomaly)
	e.logDecision(operation, anomaly)
	if e.keep != nil {
		e.keep(anomaly)
	}
	e.Anomalies.Publish(anomaly)
}

// place puts an anomaly where it is looked for: among those that last, or those that have ended.
func (e *Engine) place(anomaly *Anomaly) {
	before := e.open[anomaly.ID]
	if before != nil && (!anomaly.Closed.IsZero() || before.Edge != anomaly.Edge) {
		e.leaveEdge(before)
	}
	if !anomaly.Closed.IsZero() {
		delete(e.open, anomaly.ID)
		e.ended.add(anomaly)
		return
	}
	e.open[anomaly.ID] = anomaly
	if anomaly.Edge == "" {
		return
	}
	if e.byEdge[anomaly.Edge] == nil {
		e.byEdge[anomaly.Edge] = map[string]*Anomaly{}
	}
	e.byEdge[anomaly.Edge][anomaly.ID] = anomaly
}

func (e *Engine) leaveEdge(anomaly *Anomaly) {
	delete(e.byEdge[anomaly.Edge], anomaly.ID)
	if len(e.byEdge[anomaly.Edge]) == 0 {
		delete(e.byEdge, anomaly.Edge)
	}
}

func (e *Engine) logDecision(operation detect.Operation, anomaly *Anomaly) {
	if operation == detect.Change || e.config.Logger == nil {
		return
	}
	e.config.Logger.Info("anomaly "+operation.String(), "id", anomaly.ID, "kind", string(anomaly.Kind),
		"edge", anomaly.Edge, "summary", anomaly.Summary)
}

// Acknowledge notes that somebody has seen an anomaly, or with nil that nobody has. It gives the anomaly as it is from
// then on, or nil if it is not remembered.
func (e *Engine) Acknowledge(id string, acknowledgement *Acknowledgement) *Anomaly {
	e.mu.Lock()
	defer e.mu.Unlock()
	changed := func(before *Anomaly) *Anomaly {
		after := *before
		after.Acknowledgement = acknowledgement
		e.Anomalies.Publish(&after)
		return &after
	}
	if before := e.open[id]; before != nil {
		after := changed(before)
		e.place(after)
		return after
	}
	for i, before := range e.ended.items {
		if before.ID == id {
			e.ended.items[i] = changed(before)
			return e.ended.items[i]
		}
	}
	return nil
}
