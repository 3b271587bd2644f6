// SPDX-License-Identifier: Apache-2.0

package query

import (
	"slices"
	"strings"

	queryv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/query/v1"
	"github.com/aeolus-ebpf/aeolus/internal/controller/engine"
	"github.com/aeolus-ebpf/aeolus/internal/graph"
)

// matcher decides which edges a filter selects.
type matcher struct {
	filter *queryv1.Filter
	text   string
	view   engine.View
	// unhealthy tells whether something is wrong with an edge.
	unhealthy func(*graph.Edge) bool
}

func newMatcher(filter *queryv1.Filter, view engine.View) matcher {
	m := matcher{filter: filter, text: strings.ToLower(filter.GetText()), view: view}
	m.unhealthy = func(e *graph.Edge) bool { return len(view.OnEdge(e.ID)) > 0 }
	return m
}

// edge tells whether the filter selects an edge, but for its health.
func (m matcher) edge(e *graph.Edge) bool {
	return m.structure(e) && (m.text == "" || m.mentions(e))
}

func (m matcher) structure(e *graph.Edge) bool {
	f := m.filter
	switch {
	case e == nil:
		return f == nil
	case e.Own && !f.GetOwn():
		return false
	case f.GetEdgeId() != "" && f.GetEdgeId() != e.ID:
		return false
	case f.GetWorkload() != "" && !named(e.Client, f.GetWorkload()) && !named(e.Server, f.GetWorkload()):
		return false
	case f.GetClient() != "" && !named(e.Client, f.GetClient()):
		return false
	case f.GetServer() != "" && !named(e.Server, f.GetServer()):
		return false
	case f.GetNamespace() != "" && e.Client.Namespace != f.GetNamespace() && e.Server.Namespace != f.GetNamespace():
		return false
	case f.GetPort() != 0 && !slices.Contains(e.Ports, uint16(f.GetPort())):
		return false
	case f.GetUnhealthy() && !m.unhealthy(e):
		return false
	}
	return true
}

// named tells whether a pattern is a node's id, name, or name with namespace; a trailing star matches any ending.
func named(n *graph.Node, pattern string) bool {
	if prefix, open := strings.CutSuffix(pattern, "*"); open {
		return strings.HasPrefix(n.Name, prefix) || strings.HasPrefix(n.Title(), prefix)
	}
	return n.ID == pattern || n.Name == pattern || n.Title() == pattern
}

// mentions tells whether any name or address of an edge holds the text.
func (m matcher) mentions(e *graph.Edge) bool {
	return holds(e.Client, m.text) || holds(e.Server, m.text)
}

func holds(n *graph.Node, text string) bool {
	if contains(n.Name, text) || contains(n.Namespace, text) {
		return true
	}
	for _, i := range n.Instances {
		if contains(i.Name, text) || contains(i.Process, text) || contains(i.ContainerID, text) ||
			(i.Address.IsValid() && contains(i.Address.String(), text)) {
			return true
		}
	}
	return false
}

// contains looks for a text that is in lower case already.
func contains(name, text string) bool { return strings.Contains(strings.ToLower(name), text) }
