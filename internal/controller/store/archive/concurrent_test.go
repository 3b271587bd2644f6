// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestArchive_eachRowOnceWhileItMoves asks while rows are added, sealed and merged: what was added before a question is in
// the answer, once.
func TestArchive_eachRowOnceWhileItMoves(t *testing.T) {
	clock := &testClock{now: begin}
	a := open(t, Config{Directory: t.TempDir(), Now: clock.Now, RetentionTime: 365 * 24 * time.Hour})
	const rounds, each = 60, 50
	var added, asked atomic.Int64
	var work sync.WaitGroup
	done := make(chan struct{})
	work.Go(func() {
		defer close(done)
		g := newGenerator(1, 20)
		for round := range rounds {
			at := begin.Add(time.Duration(round) * 10 * time.Minute)
			events, edges := make([]Event, each), make([]Edge, each)
			for i := range events {
				events[i], edges[i] = g.event(at), g.edge(at)
				events[i].ID, edges[i].Sent = fmt.Sprint(round*each+i), 1
			}
			a.AddEdges(edges)
			a.AddEvents(events)
			added.Add(each)
			clock.set(at)
			for asked.Load() < int64(round) && round%2 == 0 {
				time.Sleep(time.Millisecond)
			}
		}
	})
	work.Go(func() {
		for running := true; running; {
			select {
			case <-done:
				running = false
			default:
			}
			require.NoError(t, a.sealAll(true))
			require.NoError(t, a.maintain(context.Background()))
			a.alive(false)
		}
	})
	for asking := true; asking; {
		select {
		case <-done:
			asking = false
		default:
		}
		before := added.Load()
		seen := map[string]bool{}
		for _, e := range collect(t, a.Events(context.Background(), EventQuery{})) {
			require.False(t, seen[e.ID], "event %s is there twice", e.ID)
			seen[e.ID] = true
		}
		require.GreaterOrEqual(t, int64(len(seen)), before)
		before = added.Load()
		sums, err := a.SumEdges(context.Background(), EdgeQuery{})
		require.NoError(t, err)
		var sent int64
		for _, e := range sums {
			sent += int64(e.Sent)
		}
		require.GreaterOrEqual(t, sent, before)
		require.LessOrEqual(t, sent, added.Load()+each)
		require.NotEmpty(t, a.Stats().Tables)
		a.Bounds()
		asked.Add(1)
	}
	work.Wait()
}
