// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestMerge_stretchesBecomeCoarser(t *testing.T) {
	clock := &testClock{now: begin}
	a := open(t, Config{Directory: t.TempDir(), Now: clock.Now, RetentionTime: 365 * 24 * time.Hour})
	g := newGenerator(1, 5)
	var o oracle
	ctx := context.Background()
	lengths := func() map[time.Duration]int {
		found := map[time.Duration]int{}
		for _, e := range collect(t, a.Edges(ctx, EdgeQuery{})) {
			found[e.Length]++
		}
		return found
	}
	for minute := range 25 * 60 {
		at := begin.Add(time.Duration(minute) * time.Minute)
		if minute%2 == 0 {
			e := g.edge(at.Add(20 * time.Second))
			e.Opens = 1
			later := e
			later.From, later.Open = later.From.Add(10*time.Second), 7
			a.AddEdges([]Edge{e, later})
			a.AddInstances([]Instance{{From: at, Length: 2 * time.Minute, Workload: Workload{ID: "w"}}})
			o.edges = append(o.edges, e, later)
		}
		a.AddEvents([]Event{{ID: fmt.Sprint(minute), Time: at}})
		clock.set(at.Add(time.Minute))
		if minute%30 == 29 {
			require.NoError(t, a.sealAll(true))
		}
	}
	require.Equal(t, map[time.Duration]int{10 * time.Second: 25 * 60}, lengths())
	require.Len(t, collect(t, a.Instances(ctx, InstanceQuery{})), 25*30)

	clock.set(begin.Add(26*time.Hour + 5*time.Minute))
	require.NoError(t, a.maintain(ctx))
	require.Equal(t, map[time.Duration]int{time.Minute: 25 * 30}, lengths())
	require.Len(t, a.edges.segments, 25)
	requireSums(t, a, EdgeQuery{}, o.edges)
	row := collect(t, a.Edges(ctx, EdgeQuery{Range: Range{From: begin, To: begin.Add(time.Second)}}))[0]
	require.Equal(t, begin, row.From)
	require.EqualValues(t, 2, row.Opens)
	require.EqualValues(t, 7, row.Open, "the last of the stretch")
	require.Less(t, len(collect(t, a.Instances(ctx, InstanceQuery{}))), 30, "one that stays is told of once an hour")

	// A day after the day's end its hours become one.
	clock.set(begin.Add(49 * time.Hour))
	require.NoError(t, a.maintain(ctx))
	requireSums(t, a, EdgeQuery{}, o.edges)
	found := lengths()
	require.Equal(t, 30, found[time.Minute], "of the hour that began the next day")
	require.LessOrEqual(t, found[10*time.Minute], 24*6*5)
	require.Len(t, a.edges.segments, 2)
	require.Len(t, a.events.segments, 2)
	require.Len(t, collect(t, a.Events(ctx, EventQuery{})), 25*60)
}

func TestRetention_bytesFairly(t *testing.T) {
	config := Config{Directory: t.TempDir(), RetentionBytes: 400 << 10}
	a := open(t, config)
	g := newGenerator(1, 20)
	var o oracle
	minute := 0
	at := func() time.Time { return begin.Add(time.Duration(minute) * time.Minute) }
	for ; minute < 3; minute++ {
		g.fill(a, &o, at(), 20)
		require.NoError(t, a.sealAll(true))
	}
	// A flood of one table costs no other its past.
	for ; minute < 40; minute++ {
		rows := make([]Flow, 500)
		for i := range rows {
			rows[i] = g.flow(at())
		}
		a.AddFlows(rows)
		require.NoError(t, a.sealAll(true))
		require.NoError(t, a.retainByBytes())
	}
	bounds := a.Bounds()
	require.Less(t, bounds.Edges.Oldest, begin.Add(time.Minute))
	require.Less(t, bounds.Events.Oldest, begin.Add(time.Minute))
	require.Greater(t, bounds.Flows.Oldest, begin.Add(5*time.Minute))
	require.Greater(t, bounds.Flows.Newest, begin.Add(39*time.Minute))
	var total int64
	for _, table := range a.Stats().Tables {
		total += table.Bytes
	}
	require.LessOrEqual(t, total, config.RetentionBytes)
	require.Greater(t, total, config.RetentionBytes*8/10)
	var onDisk int64
	for _, path := range segments(t, config.Directory, "*.parquet") {
		info, err := os.Stat(path)
		require.NoError(t, err)
		onDisk += info.Size()
	}
	require.Equal(t, total, onDisk)
}

func TestRetention_waitsForQueries(t *testing.T) {
	directory := t.TempDir()
	a, _ := sealed(t, Config{Directory: directory, RetentionBytes: 1}, 3)
	path := segments(t, directory, "flows-*")[2]
	rows := 0
	for _, err := range a.Flows(context.Background(), FlowQuery{}) {
		require.NoError(t, err)
		if rows++; rows == 1 {
			require.NoError(t, a.retainByBytes())
			require.Zero(t, a.flows.stats().Segments)
			require.FileExists(t, path)
		}
	}
	require.Equal(t, 150, rows)
	require.NoFileExists(t, path)
}

func TestClock_jumpsLoseNothing(t *testing.T) {
	clock := &testClock{now: begin}
	a := open(t, Config{Directory: t.TempDir(), Now: clock.Now, RetentionTime: 24 * time.Hour})
	g := newGenerator(1, 10)
	var o oracle
	ctx := context.Background()
	step := func(now time.Time) {
		t.Helper()
		clock.set(now)
		g.fill(a, &o, now, 10)
		require.NoError(t, a.sealAll(false))
		require.NoError(t, a.maintain(ctx))
		require.Len(t, collect(t, a.Flows(ctx, FlowQuery{})), len(o.flows))
		asked := Range{From: now, To: now.Add(2 * time.Second)}
		require.Len(t, collect(t, a.Events(ctx, EventQuery{Range: asked})), len(o.eventsOf(EventQuery{Range: asked})))
	}
	for i := range 5 {
		step(begin.Add(time.Duration(i) * 40 * time.Second))
	}
	step(begin.Add(-48 * time.Hour))
	step(begin.Add(-48*time.Hour + time.Minute))
	// Ten years ahead: everything is too old, if that were true.
	for i := range 8 {
		step(begin.AddDate(10, 0, 0).Add(time.Duration(i) * time.Minute))
	}
	step(begin.Add(5 * time.Minute))
	require.NoError(t, a.sealAll(true))
	require.Len(t, collect(t, a.Flows(ctx, FlowQuery{})), len(o.flows))
	// A clock that goes on steadily is believed: then age counts.
	for i := range 20 {
		clock.set(begin.Add(72*time.Hour + time.Duration(i)*time.Minute))
		require.NoError(t, a.maintain(ctx))
	}
	left := collect(t, a.Flows(ctx, FlowQuery{}))
	require.Contains(t, left, o.flows[len(o.flows)-20])
	require.NotContains(t, left, o.flows[0])
	for _, s := range a.flows.segments {
		require.Greater(t, instantOf(s.to), clock.Now().Add(-a.config.RetentionTime))
	}
}

func TestHead_sealedWhenOldOrLarge(t *testing.T) {
	clock := &testClock{now: begin}
	a := open(t, Config{Directory: t.TempDir(), Now: clock.Now, HeadRows: RowBounds{Flows: 100}})
	g := newGenerator(1, 10)
	add := func(n int) {
		for range n {
			a.AddFlows([]Flow{g.flow(begin)})
		}
	}
	sealed := func(expected int) {
		t.Helper()
		require.NoError(t, a.sealAll(false))
		require.EqualValues(t, expected, a.flows.stats().Segments)
	}
	add(10)
	sealed(0)
	clock.advance(sealEvery - 1)
	sealed(0)
	clock.advance(1)
	sealed(1)
	add(49)
	sealed(1)
	add(1)
	require.Len(t, a.wake, 1)
	sealed(2)
	add(1)
	clock.advance(-time.Hour)
	sealed(3)
}

func TestRun_sealsAndEnds(t *testing.T) {
	for _, directory := range []string{"", t.TempDir()} {
		clock := &testClock{now: begin}
		a := open(t, Config{Directory: directory, Now: clock.Now, HeadRows: RowBounds{Flows: 100}})
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- a.Run(ctx) }()
		g := newGenerator(1, 10)
		for range 60 {
			a.AddFlows([]Flow{g.flow(begin)})
		}
		if directory != "" {
			require.Eventually(t, func() bool { return a.flows.stats().Rows == 60 }, 10*time.Second, time.Millisecond)
		}
		cancel()
		require.NoError(t, <-ended)
		require.NoError(t, a.Close())
		require.NoError(t, a.Close())
	}
}

func TestPruning_readsLittle(t *testing.T) {
	clock := &testClock{now: begin}
	directory := t.TempDir()
	a := open(t, Config{Directory: directory, Now: clock.Now, HeadRows: RowBounds{Flows: 1_000_000, Events: 1_000_000}, HeadBytes: 1 << 30})
	g := newGenerator(1, 200)
	const hours, perHour = 3, 2 * groupRows
	var someone Flow
	for hour := range hours {
		flows, events := make([]Flow, perHour), make([]Event, perHour)
		for i := range flows {
			at := begin.Add(time.Duration(hour)*time.Hour + time.Duration(i)*time.Second)
			flows[i], events[i] = g.flow(at), g.event(at)
		}
		someone = flows[perHour/2]
		a.AddFlows(flows)
		a.AddEvents(events)
		require.NoError(t, a.sealAll(true))
	}
	ctx := context.Background()
	cost := func(query func()) (groups, pages uint64) {
		before := a.Stats()
		query()
		after := a.Stats()
		return after.GroupsRead - before.GroupsRead, after.PagesRead - before.PagesRead
	}
	all, allPages := cost(func() { collect(t, a.Flows(ctx, FlowQuery{})) })
	require.EqualValues(t, hours*2, all)

	groups, pages := cost(func() { collect(t, a.Flows(ctx, FlowQuery{Edges: []string{edgeID(17)}})) })
	require.EqualValues(t, hours, groups, "an edge is in one group of each segment")
	require.Less(t, pages, allPages/15)

	groups, _ = cost(func() { collect(t, a.Flows(ctx, FlowQuery{Edges: []string{"nobody"}})) })
	require.Zero(t, groups)

	groups, _ = cost(func() {
		require.Len(t, collect(t, a.Flows(ctx, FlowQuery{Connections: []string{someone.Connection}})), 1)
	})
	require.LessOrEqual(t, groups, uint64(3), "the filter says where a connection is, and errs once in a hundred times")

	groups, pages = cost(func() {
		found := collect(t, a.Events(ctx, EventQuery{Range: Range{From: begin.Add(time.Minute), To: begin.Add(2 * time.Minute)}}))
		require.Len(t, found, 60)
	})
	require.EqualValues(t, 1, groups)
	require.LessOrEqual(t, pages, uint64(len(a.events.table.columns)), "at most one page of each column")

	_, pages = cost(func() { require.Len(t, collect(t, a.Events(ctx, EventQuery{Order: Order{Limit: 10}})), 10) })
	require.Less(t, pages, uint64(3*8*len(a.events.table.columns)))
	groups, _ = cost(func() { require.Len(t, collect(t, a.Events(ctx, EventQuery{Order: Order{Limit: 10}})), 10) })
	require.EqualValues(t, 1, groups, "the newest are in the last group")
}
