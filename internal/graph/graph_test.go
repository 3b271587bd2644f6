// SPDX-License-Identifier: Apache-2.0

package graph_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/graph"
	"github.com/aeolus-ebpf/aeolus/internal/model"
)

var begin = time.Unix(1_700_000_000, 0)

func workload(g *graph.Graph, name string) *graph.Node {
	return g.Workload(&model.Endpoint{Workload: name, Node: "n1"}, netip.Addr{}, begin)
}

func TestEdge_secondsInAnyOrder(t *testing.T) {
	g := graph.New(graph.Config{}, nil)
	edge := g.Edge(workload(g, "a"), workload(g, "b"), false, begin)
	for _, second := range []int{5, 1, 9, 5, 2} {
		g.Add(edge, begin.Add(time.Duration(second)*time.Second), &graph.Delta{Bucket: graph.Bucket{Opens: 1}, OpenBy: 1})
	}
	var found []int64
	for _, b := range edge.Seconds(0, 1<<60) {
		found = append(found, b.Second-begin.Unix())
	}
	require.Equal(t, []int64{1, 2, 5, 9}, found)
	sum, known := edge.Over(begin.Unix()+9, 5)
	require.EqualValues(t, 3, sum.Opens)
	require.EqualValues(t, 5, known)
	open, ok := edge.OpenAt(begin.Unix() + 3)
	require.True(t, ok)
	require.EqualValues(t, 5, open)
	_, ok = edge.OpenAt(begin.Unix())
	require.False(t, ok)
	require.EqualValues(t, 5, edge.TakeFresh().Opens)
	fresh := edge.TakeFresh()
	require.True(t, fresh.IsZero())
}

func TestIdentify_isStableAndApart(t *testing.T) {
	require.Equal(t, graph.Identify("a", "b"), graph.Identify("a", "b"))
	require.NotEqual(t, graph.Identify("ab", "c"), graph.Identify("a", "bc"))
	require.Regexp(t, "^[0-9a-v]{16}$", graph.Identify("\x00", "é"))
}

func TestGraph_forgottenNodesComeBackAsTheyWere(t *testing.T) {
	g := graph.New(graph.Config{}, nil)
	a, b := workload(g, "a"), workload(g, "b")
	first := g.Edge(a, b, false, begin)
	g.Expire(begin.Add(time.Hour), nil)
	require.Empty(t, g.Nodes())
	second := g.Edge(a, b, false, begin.Add(time.Hour))
	require.Equal(t, first.ID, second.ID)
	require.Len(t, g.Nodes(), 2)
	require.Same(t, g.Nodes()[a.ID], second.Client)
}

func TestGraph_tellsWhatIsAdded(t *testing.T) {
	var told graph.Bucket
	var open int64
	readings := 0
	g := graph.New(graph.Config{WithoutSeconds: true, Added: func(_ *graph.Edge, delta *graph.Delta) {
		told.Add(&delta.Bucket)
		open += delta.OpenBy
		readings += len(delta.RoundTrips())
	}}, nil)
	edge := g.Edge(workload(g, "a"), workload(g, "b"), false, begin)
	for i := range 5 {
		delta := graph.Delta{Bucket: graph.Bucket{Opens: 1, Sent: 10}, OpenBy: 1}
		delta.AddRoundTrip(time.Millisecond, 0, 3)
		delta.AddRoundTrip(2*time.Millisecond, 0, 3)
		delta.AddRoundTrip(0, 0, 3)
		g.Add(edge, begin.Add(time.Duration(i)*time.Second), &delta)
	}
	require.EqualValues(t, 5, told.Opens)
	require.EqualValues(t, 50, told.Sent)
	require.EqualValues(t, 5, open)
	require.EqualValues(t, 5, edge.Open)
	require.Equal(t, 10, readings)
	require.Empty(t, edge.Seconds(0, 1<<60))
}
