// SPDX-License-Identifier: Apache-2.0

package graph

import "time"

// leastHistory is kept for every edge even where the bound on buckets is reached.
const leastHistory = 60

// Expire forgets what is older than the history: seconds, then edges without traffic and without open connections, then
// nodes without edges. Edges for which keep says so stay.
func (g *Graph) Expire(now time.Time, keep func(*Edge) bool) {
	seconds := int64(g.config.History / time.Second)
	if g.buckets > g.config.MaxBuckets {
		seconds = max(leastHistory, int64(g.config.MaxBuckets)/int64(max(len(g.edges), 1)))
	}
	oldest := now.Unix() - seconds
	g.oldest = max(g.oldest, oldest)
	forget := now.Add(-g.config.History)
	for key, edge := range g.edges {
		g.buckets -= edge.ring.trim(oldest)
		if edge.Open > 0 || edge.LastSeen.After(forget) || !edge.late.IsZero() || (keep != nil && keep(edge)) {
			continue
		}
		g.buckets -= len(edge.ring.buckets)
		delete(g.edges, key)
		delete(g.edgeByID, edge.ID)
		delete(edge.Client.out, edge)
		delete(edge.Server.in, edge)
		g.changes++
	}
	for key, node := range g.nodes {
		if len(node.in)+len(node.out) > 0 || node.LastSeen.After(forget) {
			continue
		}
		if key.external {
			g.external--
		}
		delete(g.nodes, key)
		delete(g.byID, node.ID)
		g.changes++
	}
}
