// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/graph"
)

// View is the state as a question may read it. It holds only as long as the function that it is given to runs.
type View struct {
	Now     time.Time
	Started time.Time
	Graph   *graph.Graph

	engine *Engine
}

// Read gives the state to a function, during which nothing changes.
func (e *Engine) Read(read func(View)) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	read(View{Now: e.now(), Started: e.started, Graph: e.graph, engine: e})
}

// Learning tells whether the detectors are still learning what is usual.
func (v View) Learning() bool { return v.Now.Sub(v.Started) < v.engine.detector.Learning() }

// OpenConnections is the number of connections that are open now.
func (v View) OpenConnections() int {
	open := int64(0)
	for _, edge := range v.Graph.Edges() {
		open += edge.Open
	}
	return int(max(open, 0))
}

// Events gives the events that are remembered, oldest first, until the function returns false.
func (v View) Events(visit func(*Event) bool) { v.engine.events.each(visit) }

// Open gives the open anomalies by id. It is the engine's own map: read it only.
func (v View) Open() map[string]*Anomaly { return v.engine.open }

// OnEdge gives the open anomalies of an edge. It is the engine's own map: read it only.
func (v View) OnEdge(id string) map[string]*Anomaly { return v.engine.byEdge[id] }

// Ended gives the anomalies that have ended, oldest first, until the function returns false.
func (v View) Ended(visit func(*Anomaly) bool) { v.engine.ended.each(visit) }
