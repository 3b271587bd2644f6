// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"context"
	"iter"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// collect takes all rows of a query that must not fail.
func collect[R any](t testing.TB, rows iter.Seq2[*R, error]) []R {
	t.Helper()
	var all []R
	for row, err := range rows {
		require.NoError(t, err)
		all = append(all, *row)
	}
	return all
}

func open(t testing.TB, config Config) *Archive {
	t.Helper()
	a, err := Open(config)
	require.NoError(t, err)
	t.Cleanup(func() { a.Close() })
	return a
}

// fill adds rows of all kinds at a time, to an archive and to an oracle.
func (g *generator) fill(a *Archive, o *oracle, at time.Time, n int) {
	var edges []Edge
	var instances []Instance
	var flows []Flow
	var events []Event
	for range n {
		edges = append(edges, g.edge(at.Truncate(10*time.Second)))
		flows = append(flows, g.flow(at.Add(time.Duration(g.random.IntN(1e9)))))
		events = append(events, g.event(at.Add(time.Duration(g.random.IntN(1e9)))))
	}
	instances = append(instances, g.instance(at))
	a.AddEdges(edges)
	a.AddInstances(instances)
	a.AddFlows(flows)
	a.AddEvents(events)
	o.edges, o.instances = append(o.edges, edges...), append(o.instances, instances...)
	o.flows, o.events = append(o.flows, flows...), append(o.events, events...)
}

func TestArchive_everyFieldComesBack(t *testing.T) {
	for _, where := range []string{"memory", "segment", "reopened", "merged"} {
		t.Run(where, func(t *testing.T) {
			clock := &testClock{now: begin.Add(2 * time.Hour)}
			config := Config{Now: clock.Now}
			if where != "memory" {
				config.Directory = t.TempDir()
			}
			a := open(t, config)
			var o oracle
			newGenerator(1, 40).fill(a, &o, begin, 300)
			switch where {
			case "segment":
				require.NoError(t, a.sealAll(true))
			case "reopened":
				require.NoError(t, a.Close())
				a = open(t, config)
			case "merged":
				require.NoError(t, a.sealAll(true))
				require.NoError(t, a.maintain(context.Background()))
				require.Equal(t, levelHour, a.flows.segments[0].level)
			}
			ctx := context.Background()
			require.ElementsMatch(t, o.flows, collect(t, a.Flows(ctx, FlowQuery{})))
			require.ElementsMatch(t, o.events, collect(t, a.Events(ctx, EventQuery{})))
			require.ElementsMatch(t, o.instances, collect(t, a.Instances(ctx, InstanceQuery{})))
			if where != "merged" {
				require.ElementsMatch(t, o.edges, collect(t, a.Edges(ctx, EdgeQuery{})))
			}
			requireSums(t, a, EdgeQuery{}, o.edges)
		})
	}
}

// requireSums holds that the archive adds edges up as the rows say.
func requireSums(t *testing.T, a *Archive, query EdgeQuery, rows []Edge) {
	t.Helper()
	require.Equal(t, sumEdges(rows), sumEdges(collect(t, a.Edges(context.Background(), query))), "%+v", query)
	sums, err := a.SumEdges(context.Background(), query)
	require.NoError(t, err)
	require.Equal(t, sumEdges(rows), sumEdges(sums), "%+v", query)
}

// sumEdges adds up what each edge did.
func sumEdges(rows []Edge) map[string]Edge {
	sums := map[string]Edge{}
	rows = slices.Clone(rows)
	slices.SortStableFunc(rows, func(a, b Edge) int { return a.From.Compare(b.From) })
	for i := range rows {
		sum, ok := sums[rows[i].ID]
		if !ok {
			sum = rows[i]
		} else {
			addEdge(&sum, &rows[i])
		}
		sum.From, sum.Length, sum.Open = time.Time{}, 0, 0
		sums[rows[i].ID] = sum
	}
	return sums
}
