// SPDX-License-Identifier: Apache-2.0

package query_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	queryv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/query/v1"
	"github.com/aeolus-ebpf/aeolus/internal/controller/controllertest"
	"github.com/aeolus-ebpf/aeolus/internal/controller/detect"
	"github.com/aeolus-ebpf/aeolus/internal/controller/engine"
	"github.com/aeolus-ebpf/aeolus/internal/controller/query"
	"github.com/aeolus-ebpf/aeolus/internal/loss"
)

// place is a service over a made-up world whose time the test moves.
type place struct {
	*query.Service
	engine *engine.Engine
	world  *controllertest.World
	now    time.Time
}

func newPlace(world *controllertest.World) *place {
	p := &place{world: world, now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	ledger := loss.NewLedger()
	p.engine = engine.New(engine.Config{Ledger: ledger, Now: func() time.Time { return p.now }, Detect: detect.Config{Learning: 20 * time.Second}})
	p.Service = query.New(query.Config{Name: "test", Engine: p.engine, Ledger: ledger})
	return p
}

func (p *place) pass(seconds int) {
	for range seconds {
		p.world.Step(p.engine, p.now)
		for range 4 {
			p.now = p.now.Add(250 * time.Millisecond)
			p.engine.Tick()
		}
	}
}

func (p *place) graph(t *testing.T, request *queryv1.GetGraphRequest) *queryv1.Graph {
	t.Helper()
	drawn, err := p.GetGraph(t.Context(), request)
	require.NoError(t, err)
	ids := map[string]bool{}
	for _, node := range drawn.Nodes {
		require.False(t, ids[node.Id], "%s is there twice", node.Name)
		ids[node.Id] = true
	}
	for _, edge := range drawn.Edges {
		require.True(t, ids[edge.Client] && ids[edge.Server], "an edge leads to a node that is not there")
	}
	return drawn
}

func nodeNames(g *queryv1.Graph) []string {
	var list []string
	for _, node := range g.Nodes {
		list = append(list, node.Name)
	}
	return list
}

func TestGraph_shop(t *testing.T) {
	p := newPlace(controllertest.NewShop(1))
	p.pass(30)
	drawn := p.graph(t, &queryv1.GetGraphRequest{})
	require.Len(t, drawn.Nodes, 9)
	require.Len(t, drawn.Edges, 11)
	for _, edge := range drawn.Edges {
		require.Equal(t, queryv1.Health_HEALTH_OK, edge.Health, edge.ClientName+" → "+edge.ServerName)
		require.Zero(t, edge.Figures.GetFailureRatio())
		if edge.ServerName == "catalogue" {
			require.InDelta(t, 20, edge.Figures.GetOpensPerSecond(), 8)
			require.InDelta(t, edge.Figures.GetOpensPerSecond(), edge.Figures.GetClosesPerSecond(), 0.01)
		}
	}
	long := p.graph(t, &queryv1.GetGraphRequest{Window: durationpb.New(time.Hour)})
	require.Equal(t, 5*time.Minute, long.Window.AsDuration())
}

func TestGraph_filtersAndFocus(t *testing.T) {
	p := newPlace(controllertest.NewShop(1))
	p.pass(5)
	for name, try := range map[string]struct {
		request *queryv1.GetGraphRequest
		nodes   []string
	}{
		"server":    {&queryv1.GetGraphRequest{Filter: &queryv1.Filter{Server: "payment"}}, []string{"checkout", "payment"}},
		"workload":  {&queryv1.GetGraphRequest{Filter: &queryv1.Filter{Workload: "ship*"}}, []string{"shipping", "checkout", "store"}},
		"port":      {&queryv1.GetGraphRequest{Filter: &queryv1.Filter{Port: 443}}, []string{"payment", "203.0.113.7"}},
		"text":      {&queryv1.GetGraphRequest{Filter: &queryv1.Filter{Text: "203.0"}}, []string{"payment", "203.0.113.7"}},
		"unhealthy": {&queryv1.GetGraphRequest{Filter: &queryv1.Filter{Unhealthy: true}}, nil},
		"one hop":   {&queryv1.GetGraphRequest{Focus: []string{"shop/cart"}, Hops: 1}, []string{"cart", "frontend", "cache"}},
		"nobody":    {&queryv1.GetGraphRequest{Focus: []string{"nobody"}, Hops: 1}, nil},
	} {
		require.ElementsMatch(t, try.nodes, nodeNames(p.graph(t, try.request)), name)
	}
	_, err := p.GetGraph(t.Context(), &queryv1.GetGraphRequest{GroupBy: "colour"})
	require.ErrorContains(t, err, `group_by is "colour"`)
}

func TestGraph_crowdIsCapped(t *testing.T) {
	p := newPlace(controllertest.NewCrowd(1, 900))
	p.pass(3)
	whole := p.graph(t, &queryv1.GetGraphRequest{MaxNodes: 2000})
	require.Len(t, whole.Nodes, 900)
	require.Zero(t, whole.HiddenNodes)
	for _, most := range []uint32{0, 300, 50, 3} {
		drawn := p.graph(t, &queryv1.GetGraphRequest{MaxNodes: most})
		if most == 0 {
			most = 300
		}
		require.LessOrEqual(t, len(drawn.Nodes), int(most))
		members := uint32(0)
		for _, node := range drawn.Nodes {
			members += node.Members
		}
		require.Equal(t, drawn.HiddenNodes, members)
		require.Equal(t, 900, len(drawn.Nodes)-groups(drawn)+int(members))
		require.InDelta(t, opens(whole), opens(drawn), opens(whole)*0.01, "totals stay what they are")
	}
	spaces := p.graph(t, &queryv1.GetGraphRequest{GroupBy: "namespace"})
	require.ElementsMatch(t, []string{"orders", "search", "media", "billing", "identity", "platform"}, nodeNames(spaces))
	require.InDelta(t, opens(whole), opens(spaces), opens(whole)*0.01)
	for _, by := range []string{"zone", "version", "node"} {
		require.LessOrEqual(t, len(p.graph(t, &queryv1.GetGraphRequest{GroupBy: by}).Nodes), 4)
	}
}

func groups(g *queryv1.Graph) int {
	n := 0
	for _, node := range g.Nodes {
		if node.Kind == "group" {
			n++
		}
	}
	return n
}

func opens(g *queryv1.Graph) float64 {
	sum := 0.0
	for _, edge := range g.Edges {
		sum += edge.Figures.GetOpensPerSecond()
	}
	return sum
}

// TestFaults_onExactlyThatEdge switches each fault on and off.
func TestFaults_onExactlyThatEdge(t *testing.T) {
	for fault, kind := range map[controllertest.Fault]string{
		controllertest.FaultRefuse: "connect-failures", controllertest.FaultIgnore: "connect-failures",
		controllertest.FaultReset: "resets", controllertest.FaultDrop: "retransmits", controllertest.FaultDelay: "latency",
		controllertest.FaultSilence: "silence",
	} {
		t.Run(string(fault), func(t *testing.T) {
			p := newPlace(controllertest.NewShop(2))
			p.pass(90)
			quiet, err := p.ListAnomalies(t.Context(), &queryv1.ListAnomaliesRequest{Ended: true})
			require.NoError(t, err)
			require.Empty(t, quiet.Anomalies)
			require.True(t, p.world.Switch("frontend", "catalogue", fault))
			p.pass(20)
			open, err := p.ListAnomalies(t.Context(), &queryv1.ListAnomaliesRequest{})
			require.NoError(t, err)
			require.Len(t, open.Anomalies, 1)
			require.Equal(t, kind, open.Anomalies[0].Kind)
			require.Equal(t, "frontend catalogue", open.Anomalies[0].ClientName+" "+open.Anomalies[0].ServerName)
			failing := p.graph(t, &queryv1.GetGraphRequest{Filter: &queryv1.Filter{Unhealthy: true}})
			require.Len(t, failing.Edges, 1)
			require.Equal(t, open.Anomalies[0].Summary, failing.Edges[0].Summary)
			at := timestamppb.New(p.now)
			require.True(t, p.world.Switch("frontend", "catalogue", ""))
			p.pass(40)
			all, err := p.ListAnomalies(t.Context(), &queryv1.ListAnomaliesRequest{Ended: true})
			require.NoError(t, err)
			require.Len(t, all.Anomalies, 1)
			require.NotNil(t, all.Anomalies[0].Closed)
			back := p.graph(t, &queryv1.GetGraphRequest{At: at})
			require.NotEmpty(t, back.Edges[0].Summary, "who looks back sees what was wrong then")
		})
	}
}

func TestSeries(t *testing.T) {
	p := newPlace(controllertest.NewShop(1))
	p.pass(30)
	edge := p.graph(t, &queryv1.GetGraphRequest{Filter: &queryv1.Filter{Server: "catalogue"}}).Edges[0]
	for step, most := range map[time.Duration]int{time.Second: 30, 5 * time.Second: 6} {
		series, err := p.GetSeries(t.Context(), &queryv1.GetSeriesRequest{EdgeId: edge.Id, Step: durationpb.New(step)})
		require.NoError(t, err)
		require.InDelta(t, most, len(series.Times), 1)
		for _, line := range series.Lines {
			require.Len(t, line.Values, len(series.Times), line.Name)
			if line.Name == "opens_per_second" {
				sum := 0.0
				for _, value := range line.Values {
					sum += value
				}
				require.InDelta(t, 20, sum/float64(len(line.Values)), 5)
			}
			if line.Name == "failure_ratio" {
				require.False(t, math.IsNaN(line.Values[3]))
			}
		}
	}
	_, err := p.GetSeries(t.Context(), &queryv1.GetSeriesRequest{EdgeId: "none"})
	require.ErrorContains(t, err, `no edge has the id "none"`)
	empty, err := p.GetSeries(t.Context(), &queryv1.GetSeriesRequest{EdgeId: edge.Id, To: timestamppb.New(time.Unix(5, 0))})
	require.NoError(t, err)
	require.Empty(t, empty.Times)
}

func TestConnectionsAndSearch(t *testing.T) {
	p := newPlace(controllertest.NewShop(1))
	p.pass(10)
	open, err := p.ListConnections(t.Context(), &queryv1.ListConnectionsRequest{})
	require.NoError(t, err)
	require.Len(t, open.Connections, 10)
	ended, err := p.ListConnections(t.Context(), &queryv1.ListConnectionsRequest{Closed: true, Limit: 20})
	require.NoError(t, err)
	require.Len(t, ended.Connections, 20)
	require.True(t, ended.Truncated)
	for _, c := range ended.Connections {
		require.Equal(t, "closed", c.State)
		require.NotNil(t, c.Closed)
	}
	external, err := p.ListConnections(t.Context(), &queryv1.ListConnectionsRequest{Closed: true, Filter: &queryv1.Filter{Text: "203.0.113.7:443"}})
	require.NoError(t, err)
	require.NotEmpty(t, external.Connections)
	require.Equal(t, "client", external.Connections[0].Reporter)
	for text, kind := range map[string]string{
		"pay": "node", "10.0.0.2": "address", "8004": "port", "checkout → pay": "edge", "203.": "address",
	} {
		found, err := p.Search(t.Context(), &queryv1.SearchRequest{Text: text})
		require.NoError(t, err)
		require.NotEmpty(t, found.Hits, text)
		require.Equal(t, kind, found.Hits[0].Kind, text)
	}
	none, err := p.ListEvents(t.Context(), &queryv1.ListEventsRequest{Kinds: []string{"nothing"}})
	require.Nil(t, none)
	require.ErrorContains(t, err, `"nothing"`)
}
