// SPDX-License-Identifier: Apache-2.0

package query

import (
	"cmp"
	"hash/fnv"
	"slices"

	"google.golang.org/protobuf/proto"

	queryv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/query/v1"
	"github.com/aeolus-ebpf/aeolus/internal/graph"
)

// chooseGroups decides which node each workload is drawn as: itself, or a group. Grouping was asked for, or there are
// more nodes than may be drawn; then the most important ones stay and the rest is grouped.
func (d *drawing) chooseGroups(out *queryv1.Graph) {
	if by := d.request.GetGroupBy(); by != "" && by != "workload" {
		d.group = func(n *graph.Node) string { return groupName(n, by) }
		out.HiddenNodes = uint32(len(d.nodes))
		return
	}
	most := bounded(d.request.GetMaxNodes(), defaultNodes, mostNodes)
	if len(d.nodes) <= most {
		d.group = func(*graph.Node) string { return "" }
		return
	}
	ranked := d.rank()
	// Room for the groups that the rest will need.
	rest := map[string]struct{}{}
	for _, n := range ranked {
		rest[restName(n)] = struct{}{}
	}
	coarse := len(rest) > most/3
	room := max(most-len(rest), 0)
	if coarse {
		room = max(most-2, 0)
	}
	own := make(map[*graph.Node]struct{}, room)
	for _, n := range ranked[:min(room, len(ranked))] {
		own[n] = struct{}{}
	}
	out.HiddenNodes = uint32(len(ranked) - len(own))
	d.group = func(n *graph.Node) string {
		if _, ok := own[n]; ok {
			return ""
		}
		if coarse {
			return coarseName(n)
		}
		return restName(n)
	}
}

// rank orders nodes by how much they matter: those on ill edges, then workloads before addresses, then busy ones.
func (d *drawing) rank() []*graph.Node {
	type weight struct {
		ill     bool
		traffic uint64
	}
	weights := make(map[*graph.Node]weight, len(d.nodes))
	for _, e := range d.edges {
		sum, _ := d.recent(e)
		ill := len(d.view.OnEdge(e.ID)) > 0
		if !d.live {
			ill = len(d.past[e.ID]) > 0
		}
		for _, n := range [...]*graph.Node{e.Client, e.Server} {
			w := weights[n]
			w.ill = w.ill || ill
			w.traffic += sum.Segments + 10*uint64(sum.Opens)
			weights[n] = w
		}
	}
	ranked := make([]*graph.Node, 0, len(d.nodes))
	for n := range d.nodes {
		ranked = append(ranked, n)
	}
	slices.SortFunc(ranked, func(a, b *graph.Node) int {
		x, y := weights[a], weights[b]
		switch {
		case x.ill != y.ill:
			return order(x.ill)
		case a.External != b.External:
			return order(!a.External)
		case x.traffic != y.traffic:
			return cmp.Compare(y.traffic, x.traffic)
		}
		return cmp.Compare(a.ID, b.ID)
	})
	return ranked
}

func order(first bool) int {
	if first {
		return -1
	}
	return 1
}

func groupName(n *graph.Node, by string) string {
	if n.External {
		return "addresses"
	}
	values := map[string]struct{}{}
	for _, i := range n.Instances {
		value := map[string]string{"zone": i.Zone, "version": i.Version, "node": i.Node}[by]
		if value != "" {
			values[value] = struct{}{}
		}
	}
	switch {
	case by == "namespace" && n.Namespace != "":
		return n.Namespace
	case by != "namespace" && len(values) == 1:
		return sorted(values)[0]
	case by != "namespace" && len(values) > 1:
		return "several " + by + "s"
	}
	return "no " + by
}

// restName groups what does not fit by namespace, or by kind where there is none.
func restName(n *graph.Node) string {
	switch {
	case n.External:
		return "addresses"
	case n.Namespace != "":
		return n.Namespace
	}
	return string(n.Kind)
}

func coarseName(n *graph.Node) string {
	if n.External {
		return "addresses"
	}
	return "workloads"
}

// fingerprint is the same for two maps that show the same, whatever the time.
func fingerprint(g *queryv1.Graph) uint64 {
	at, revision := g.At, g.Revision
	g.At, g.Revision = nil, 0
	defer func() { g.At, g.Revision = at, revision }()
	bytes, err := proto.MarshalOptions{Deterministic: true}.Marshal(g)
	if err != nil {
		return 0
	}
	digest := fnv.New64a()
	digest.Write(bytes)
	return digest.Sum64()
}

// recent adds up what an edge did lately: the last ten seconds of what is drawn, or all of it where there is no less.
func (d *drawing) recent(e *graph.Edge) (graph.Bucket, int64) {
	if d.recalled != nil {
		return d.over(e)
	}
	return e.Over(d.end, 10)
}

// wasUnhealthy tells whether something was wrong with an edge at the time that is looked at.
func (d *drawing) wasUnhealthy(e *graph.Edge) bool {
	if len(d.past[e.ID]) > 0 {
		return true
	}
	if d.recalled == nil {
		return false
	}
	sum, known := d.over(e)
	return ratioHealth(figuresOf(&sum, float64(known), e.ClientReports)) >= queryv1.Health_HEALTH_DEGRADED
}
