// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/model"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

// stepRows bounds the rows of each step.
const stepRows = 60

// TestProperty_answersLikeAnOracle adds random rows, seals, merges and reopens at random, and asks random questions.
func TestProperty_answersLikeAnOracle(t *testing.T) {
	seeds := 3
	if testkit.Full() {
		seeds = 100
	}
	for seed := range seeds {
		clock := &testClock{now: begin}
		config := Config{Directory: t.TempDir(), Now: clock.Now, RetentionTime: 365 * 24 * time.Hour}
		a := open(t, config)
		g := newGenerator(uint64(seed), 30)
		var o oracle
		for range 40 {
			at := clock.Now()
			switch g.random.IntN(12) {
			case 0:
				// A row that comes late, or from a clock that is ahead.
				at = at.Add(time.Duration(g.random.IntN(7200)-3600) * time.Second)
			case 1:
				clock.advance(time.Duration(g.random.IntN(30)) * time.Hour)
			case 2:
				clock.advance(-time.Duration(g.random.IntN(3)) * time.Hour)
			}
			g.fill(a, &o, at, 1+g.random.IntN(stepRows))
			clock.advance(time.Duration(g.random.IntN(600)) * time.Second)
			switch g.random.IntN(6) {
			case 0, 1, 2:
				require.NoError(t, a.sealAll(g.random.IntN(2) == 0))
			case 3:
				require.NoError(t, a.maintain(context.Background()))
			case 4:
				require.NoError(t, a.Close())
				a = open(t, config)
			}
			g.ask(t, a, &o)
		}
		require.NoError(t, a.Close())
		require.Empty(t, a.Gaps(Range{}))
	}
}

func (g *generator) someRange() Range {
	from := begin.Add(time.Duration(g.random.IntN(48*3600)-3600) * time.Second)
	switch g.random.IntN(4) {
	case 0:
		return Range{}
	case 1:
		return Range{From: from}
	case 2:
		return Range{To: from}
	}
	return Range{From: from, To: from.Add(time.Duration(1+g.random.IntN(7200)) * time.Second)}
}

func pick[V any](g *generator, from ...V) []V {
	if g.random.IntN(2) == 0 {
		return nil
	}
	return []V{from[g.random.IntN(len(from))], from[g.random.IntN(len(from))]}
}

// ask asks one question of each kind.
func (g *generator) ask(t *testing.T, a *Archive, o *oracle) {
	ctx := context.Background()
	n := g.random.IntN(g.edges)
	flows := FlowQuery{
		Range: g.someRange(), Edges: pick(g, edgeID(n), edgeID(n+1), "none"), Workloads: pick(g, g.workload(n).ID, g.workload(1).ID),
		Addresses: pick(g, netip.AddrFrom4([4]byte{10, 1, 0, byte(n)}), netip.AddrFrom4([4]byte{10, 2, 0, 3})),
		Ports:     pick[uint16](g, 80, 81), Failed: g.random.IntN(4) == 0, WithoutOwn: g.random.IntN(4) == 0,
	}
	if len(o.flows) > 0 && g.random.IntN(8) == 0 {
		flows = FlowQuery{Connections: []string{o.flows[g.random.IntN(len(o.flows))].Connection}}
	}
	expected := o.flowsOf(flows)
	requireSame(t, expected, collect(t, a.Flows(ctx, flows)), func(f Flow) string { return f.Connection })
	flows.Order = Order{Limit: 1 + g.random.IntN(20), OldestFirst: g.random.IntN(2) == 0}
	requireFirst(t, expected, collect(t, a.Flows(ctx, flows)), flows.Order, func(f Flow) time.Time { return f.To })

	events := EventQuery{
		Range: g.someRange(), Edges: pick(g, edgeID(n), ""), Kinds: pick(g, model.EventReset, model.EventRefused, "x"),
		Workloads: pick(g, g.workload(n).ID), Addresses: pick(g, netip.AddrFrom4([4]byte{10, 2, 0, byte(n)})), WithoutOwn: n%2 == 0,
	}
	happened := o.eventsOf(events)
	requireSame(t, happened, collect(t, a.Events(ctx, events)), func(e Event) string { return e.ID })
	events.Order = Order{Limit: 1 + g.random.IntN(20), OldestFirst: g.random.IntN(2) == 0}
	requireFirst(t, happened, collect(t, a.Events(ctx, events)), events.Order, func(e Event) time.Time { return e.Time })

	// Merged stretches are longer: a range that ends where they do holds the same.
	edges := EdgeQuery{Range: g.someRange(), Edges: pick(g, edgeID(n), edgeID(n/2)), Workloads: pick(g, g.workload(n).ID), WithoutOwn: n%3 == 0}
	edges.From, edges.To = edges.From.Truncate(10*time.Minute), edges.To.Truncate(10*time.Minute)
	if !edges.To.IsZero() && !edges.From.Before(edges.To) {
		edges.To = edges.From.Add(10 * time.Minute)
	}
	requireSums(t, a, edges, o.edgesOf(edges))
}

// requireSame holds that two lists have the same rows, in any order.
func requireSame[R any](t *testing.T, expected, found []R, id func(R) string) {
	t.Helper()
	by := func(x, y R) int { return cmp.Compare(id(x), id(y)) }
	expected = append([]R(nil), expected...)
	slices.SortFunc(expected, by)
	slices.SortFunc(found, by)
	require.Equal(t, expected, found)
}

// requireFirst holds that the rows are the first of those that were expected, in order; of rows with the same time any may
// be left out.
func requireFirst[R any](t *testing.T, expected, found []R, order Order, when func(R) time.Time) {
	t.Helper()
	by := func(x, y R) int {
		if order.OldestFirst {
			return when(x).Compare(when(y))
		}
		return when(y).Compare(when(x))
	}
	slices.SortStableFunc(expected, by)
	require.Len(t, found, min(order.Limit, len(expected)))
	for i := range found {
		require.Equal(t, when(expected[i]), when(found[i]), "place %d", i)
		require.Contains(t, expected, found[i])
	}
}

func TestRange_holdsWhatReachesIntoIt(t *testing.T) {
	a := open(t, Config{})
	at := func(second int) time.Time { return begin.Add(time.Duration(second) * time.Second) }
	for i, span := range [][2]int{{0, 10}, {10, 20}, {20, 30}, {10, 10}, {20, 20}} {
		a.AddFlows([]Flow{{Connection: string(rune('a' + i)), From: at(span[0]), To: at(span[1])}})
	}
	found := func(from, to int) (ids []string) {
		for _, f := range collect(t, a.Flows(context.Background(), FlowQuery{Range: Range{From: at(from), To: at(to)}})) {
			ids = append(ids, f.Connection)
		}
		slices.SortFunc(ids, cmp.Compare)
		return ids
	}
	require.Equal(t, []string{"b", "d"}, found(10, 20))
	require.Equal(t, []string{"a"}, found(5, 10))
	require.Equal(t, []string{"a", "b", "d"}, found(9, 11))
	require.Equal(t, []string{"c", "e"}, found(20, 21))
	require.Empty(t, found(30, 40))
}
