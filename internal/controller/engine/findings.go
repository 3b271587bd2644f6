// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"slices"
	"strconv"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/controller/detect"
	"github.com/aeolus-ebpf/aeolus/internal/graph"
)

// maxFindings bounds the anomalies that rules have open at once.
const maxFindings = 1000

// Finding is something that a rule finds wrong now.
type Finding struct {
	// Key tells it from others of its scope, for as long as it lasts and when it comes again.
	Key string
	// Place is the edge that it is on, as its labels name it.
	Place    Place
	Severity detect.Severity
	Since    time.Time
	Summary  string
	Subject  string
	Labels   map[string]string
	Value    float64
	// Evidence says in words what was evaluated.
	Evidence string
}

// Place names an edge: by its id, or by the names of its ends. Namespaces may be left out where the names are enough.
type Place struct {
	Edge                    string
	Client, ClientNamespace string
	Server, ServerNamespace string
}

// Findings takes everything that the rules of a scope find wrong now: what is new opens an anomaly, and what is gone ends
// it. Expected are the keys of what may be found wrong soon; an anomaly of an earlier run is waited for meanwhile.
func (e *Engine) Findings(scope string, found []Finding, expected []string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := e.now()
	stage := e.config.Ledger.Stage("rules.findings")
	stage.In(uint64(len(found)))
	before, current, open := e.findings[scope], map[string]string{}, e.countFindings()
	for i := range found {
		finding := &found[i]
		key := graph.Identify(string(detect.Rule), scope, finding.Key)
		id, known := before[key]
		if !known {
			if open >= maxFindings {
				stage.Drop("too-many", 1)
				continue
			}
			open++
		}
		current[key] = e.find(id, key, finding, now)
		stage.Out(1)
	}
	for key, id := range before {
		if _, lasts := current[key]; !lasts {
			e.endFinding(id, now)
		}
	}
	for _, key := range expected {
		key = graph.Identify(string(detect.Rule), scope, key)
		if e.earlier.unconfirmed[key] != nil {
			e.earlier.until[key] = now.Add(confirmWithin)
		}
	}
	if len(current) == 0 {
		delete(e.findings, scope)
		return
	}
	e.findings[scope] = current
}

func (e *Engine) countFindings() int {
	total := 0
	for _, scope := range e.findings {
		total += len(scope)
	}
	return total
}

// find opens or changes the anomaly of a finding, and gives its id.
func (e *Engine) find(id, key string, finding *Finding, now time.Time) string {
	edge := e.locate(finding.Place)
	before := e.open[id]
	operation := detect.Change
	if before == nil {
		if before = e.earlier.unconfirmed[key]; before != nil {
			e.earlier.confirm(key)
		} else {
			operation = detect.Open
		}
	}
	if before != nil && edge == nil {
		// It may be that nobody has reported the edge since the restart.
		edge = before.On
	}
	if before != nil && !before.Unconfirmed && before.Summary == finding.Summary && before.Severity == finding.Severity && before.On == edge {
		return before.ID
	}
	anomaly := &Anomaly{
		Anomaly: detect.Anomaly{
			ID: graph.Identify(key, strconv.FormatInt(now.UnixNano(), 36)), Kind: detect.Rule, Severity: finding.Severity,
			Opened: now, Changed: now, Since: finding.Since, Value: finding.Value,
		},
		On: edge, Key: key, Subject: finding.Subject, Labels: finding.Labels, Summary: finding.Summary,
	}
	if edge != nil {
		anomaly.Edge = edge.ID
	}
	if before != nil {
		anomaly.ID, anomaly.Opened, anomaly.Since = before.ID, before.Opened, before.Since
		anomaly.Evidence = slices.Clone(before.Evidence)
	}
	anomaly.Evidence = shorten(append(anomaly.Evidence, detect.Evidence{Time: now, Text: finding.Evidence, Value: finding.Value}))
	e.put(operation, anomaly)
	return anomaly.ID
}

func (e *Engine) endFinding(id string, now time.Time) {
	before := e.open[id]
	if before == nil {
		return
	}
	ended := *before
	ended.Changed, ended.Closed = now, now
	e.put(detect.Close, &ended)
}

// locate gives the edge that a place names; nil if there is none, or more than one.
func (e *Engine) locate(place Place) *graph.Edge {
	if place.Edge != "" {
		return e.graph.Edges()[place.Edge]
	}
	if place.Client == "" || place.Server == "" {
		return nil
	}
	var found *graph.Edge
	for _, edge := range e.graph.Edges() {
		if edge.Own || !is(edge.Client, place.Client, place.ClientNamespace) || !is(edge.Server, place.Server, place.ServerNamespace) {
			continue
		}
		if found != nil {
			return nil
		}
		found = edge
	}
	return found
}

func is(node *graph.Node, name, namespace string) bool {
	return node.Name == name && (namespace == "" || node.Namespace == namespace) || node.Title() == name || node.ID == name
}
