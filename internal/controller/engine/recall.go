// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"github.com/aeolus-ebpf/aeolus/internal/controller/store/archive"
	"github.com/aeolus-ebpf/aeolus/internal/graph"
)

// Known is what an earlier run saw last.
type Known struct {
	Edges     []*archive.Edge
	Instances []*archive.Instance
}

// Recall puts what an earlier run saw last on the map, where it stays quiet until it is seen again, or forgotten.
func (e *Engine) Recall(known Known) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, row := range known.Edges {
		seen := row.From.Add(row.Length)
		client, server := e.graph.Recall(identity(&row.Client), row.From), e.graph.Recall(identity(&row.Server), row.From)
		edge := e.graph.Edge(client, server, row.Own, row.From)
		edge.ClientReports, edge.ServerReports = edge.ClientReports || row.ByClient, edge.ServerReports || row.ByServer
		for _, port := range row.Ports {
			edge.AddPort(port)
		}
		if row.From.Before(edge.FirstSeen) {
			edge.FirstSeen = row.From
		}
		if seen.After(edge.LastSeen) {
			edge.LastSeen = seen
		}
		for _, node := range [...]*graph.Node{client, server} {
			if seen.After(node.LastSeen) {
				node.LastSeen = seen
			}
		}
	}
	for _, row := range known.Instances {
		node := e.graph.Recall(identity(&row.Workload), row.FirstSeen)
		node.Own = node.Own || row.Own
		node.RecallInstance(&row.Instance)
		if row.LastSeen.After(node.LastSeen) {
			node.LastSeen = row.LastSeen
		}
	}
	// They are new to this run alone.
	e.newEdges = e.newEdges[:0]
}

func identity(w *archive.Workload) graph.Identity {
	return graph.Identity{ID: w.ID, Namespace: w.Namespace, Name: w.Name, Kind: w.Kind, External: w.External}
}
