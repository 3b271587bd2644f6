// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// benchmarkAdd measures taking rows in batches of a thousand, the making of new heads included.
func benchmarkAdd[R any](b *testing.B, t *table[R], rows []R) {
	const batch = 1000
	for len(rows) < batch {
		rows = append(rows, rows...)
	}
	a := open(b, Config{})
	s := newStore(a, t, 1<<30)
	s.maxBytes = 1 << 40
	added, at := 0, 0
	b.ReportAllocs()
	begun := processor()
	for b.Loop() {
		if at+batch > len(rows) {
			at = 0
		}
		s.add(rows[at : at+batch])
		at, added = at+batch, added+batch
		if s.active.rows >= 100_000 {
			s.mu.Lock()
			s.freeze()
			s.forgetOldest()
			s.mu.Unlock()
		}
	}
	perRow(b, begun, added)
}

func BenchmarkAdd(b *testing.B) {
	o := crowd()
	b.Run("edges", func(b *testing.B) { benchmarkAdd(b, edgeTable(), o.edges) })
	b.Run("instances", func(b *testing.B) { benchmarkAdd(b, instanceTable(), o.instances) })
	b.Run("flows", func(b *testing.B) { benchmarkAdd(b, flowTable(), o.flows) })
	b.Run("events", func(b *testing.B) {
		events := o.events
		g := newGenerator(1, 60)
		for range 1000 {
			e := g.event(begin)
			e.Attributes = nil
			events = append(events, e)
		}
		benchmarkAdd(b, eventTable(), events)
	})
}

// BenchmarkSeal measures writing a minute of a world as a segment.
func BenchmarkSeal(b *testing.B) {
	o := crowd()
	seal := func(b *testing.B, rows int, add func(*Archive), s func(*Archive) keeper) {
		a := open(b, Config{Directory: b.TempDir()})
		sealed := 0
		var used time.Duration
		for b.Loop() {
			add(a)
			begun := processor()
			require.NoError(b, s(a).seal(true))
			used += processor() - begun
			sealed += rows
		}
		b.ReportMetric(float64(used.Nanoseconds())/float64(sealed), "cpu-ns/row")
		stats := s(a).stats()
		b.ReportMetric(float64(stats.Bytes)/float64(stats.Rows), "bytes/row")
	}
	b.Run("edges", func(b *testing.B) {
		seal(b, len(o.edges), func(a *Archive) { a.AddEdges(o.edges) }, func(a *Archive) keeper { return a.edges })
	})
	b.Run("flows", func(b *testing.B) {
		seal(b, len(o.flows), func(a *Archive) { a.AddFlows(o.flows) }, func(a *Archive) keeper { return a.flows })
	})
}

// dayOf fills an archive with a day of so many edges, as it would be after a day: the last hour by minutes, in stretches of
// ten seconds, and the others by hours, in stretches of a minute.
func dayOf(b *testing.B, edges int) (*Archive, time.Time) {
	b.Helper()
	clock := &testClock{now: begin}
	a := open(b, Config{Directory: b.TempDir(), Now: clock.Now, HeadRows: RowBounds{Edges: 1 << 20}, HeadBytes: 1 << 30})
	random := rand.New(rand.NewPCG(1, 2))
	template := minuteOf(edges)
	coarse := coarsenEdges(append([]Edge(nil), template...), time.Minute)
	for minute := range 24 * 60 {
		rows := template
		if minute < 23*60 {
			rows = coarse
		}
		a.AddEdges(laterEdges(rows, time.Duration(minute)*time.Minute, random))
		if minute >= 23*60 || minute%60 == 59 {
			require.NoError(b, a.edges.seal(true))
		}
	}
	return a, begin.Add(24 * time.Hour)
}

// minuteOf gives six rows of ten seconds for each of so many edges.
func minuteOf(edges int) []Edge {
	templates := crowd().edges
	var rows []Edge
	for i := range edges {
		row := templates[i%len(templates)]
		row.ID = edgeID(i)
		row.Client.ID, row.Server.ID = row.Client.ID[:13]+fmt.Sprintf("%03d", i%1000), row.Server.ID[:13]+fmt.Sprintf("%03d", i/3)
		for part := range 6 {
			row.From = begin.Add(time.Duration(part) * 10 * time.Second)
			rows = append(rows, row)
		}
	}
	return rows
}

// BenchmarkMap measures adding up what every edge did over a stretch of a day that is on the disk.
func BenchmarkMap(b *testing.B) {
	for _, edges := range []int{60, 1000} {
		a, now := dayOf(b, edges)
		stats := a.edges.stats()
		b.Logf("%d edges: %d rows, %.1f bytes each, %d segments", edges, stats.Rows, float64(stats.Bytes)/float64(stats.Rows), stats.Segments)
		for _, span := range []time.Duration{time.Hour, 24 * time.Hour} {
			b.Run(fmt.Sprintf("edges=%d/over=%s", edges, span), func(b *testing.B) {
				b.ReportAllocs()
				begun := processor()
				defer func() { b.ReportMetric(float64((processor()-begun).Milliseconds())/float64(b.N), "cpu-ms/op") }()
				for b.Loop() {
					sums, err := a.SumEdges(context.Background(), EdgeQuery{Range: Range{From: now.Add(-span), To: now}})
					require.NoError(b, err)
					require.Len(b, sums, edges)
				}
			})
		}
		b.Run(fmt.Sprintf("edges=%d/one-of-them/over=24h", edges), func(b *testing.B) {
			begun := processor()
			defer func() { b.ReportMetric(float64((processor()-begun).Milliseconds())/float64(b.N), "cpu-ms/op") }()
			for b.Loop() {
				query := EdgeQuery{Range: Range{From: now.Add(-24 * time.Hour), To: now}, Edges: []string{edgeID(edges / 2)}}
				for _, err := range a.Edges(context.Background(), query) {
					require.NoError(b, err)
				}
			}
		})
	}
}
