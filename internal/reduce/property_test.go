// SPDX-License-Identifier: Apache-2.0

package reduce_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/model"
	"github.com/aeolus-ebpf/aeolus/internal/reduce"
)

// tally is what an edge should have carried.
type tally struct {
	opens, established, closes, failures uint32
	sent, received                       uint64
	open                                 int64
}

// TestReduce_randomGraph draws connections between random workloads, cuts each side's rows in pieces, and feeds them as
// two agents would, each in its own order and with its own delay. Edges and counts must be exact.
func TestReduce_randomGraph(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) { randomGraph(t, rand.New(rand.NewPCG(seed, 7))) })
	}
}

func randomGraph(t *testing.T, random *rand.Rand) {
	b := newBench(reduce.Config{})
	nodes := []string{"n1", "n2"}
	var workloads []*model.Endpoint
	for i := range 8 {
		workloads = append(workloads, who(fmt.Sprintf("w%d", i), nodes[i%2], uint32(i+1)))
	}
	address := func(i int, port int, six bool) string {
		if six {
			return fmt.Sprintf("[fd00::%x]:%d", i+1, port)
		}
		return fmt.Sprintf("10.0.0.%d:%d", i+1, port)
	}
	want := map[string]*tally{}
	rows := map[string][][]model.Flow{"n1": make([][]model.Flow, 4), "n2": make([][]model.Flow, 4)}
	put := func(node string, when int, flow model.Flow) { rows[node][when] = append(rows[node][when], flow) }
	for i := range 400 {
		from, to := random.IntN(len(workloads)), random.IntN(len(workloads))
		client, server := workloads[from], workloads[to]
		six := random.IntN(2) == 0
		key := client.Workload + " -> " + server.Workload
		if want[key] == nil {
			want[key] = &tally{}
		}
		c, s := pair(client, server, address(from, 20000+i%300, six), address(to, 80+random.IntN(3), six), uint64(10*i+10))
		// Ports come round again after 300 connections, a second later.
		shift := time.Duration(i/300) * time.Second
		for _, f := range []*model.Flow{&c, &s} {
			f.Start, f.End = f.Start.Add(shift), f.End.Add(shift)
		}
		draw(random, want[key], c, s, put)
	}
	for when := range 4 {
		for _, node := range nodes {
			flows := rows[node][when]
			for len(flows) > 0 {
				n := 1 + random.IntN(len(flows))
				b.apply(&model.Batch{Node: node, Flows: flows[:n]})
				flows = flows[n:]
			}
			b.pass(time.Duration(random.IntN(3)) * 125 * time.Millisecond)
		}
	}
	b.pass(10 * time.Second)
	got := map[string]*tally{}
	for name, e := range b.edges() {
		sum := total(e)
		got[name] = &tally{
			opens: sum.Opens, established: sum.Established, closes: sum.Closes, failures: sum.Failed(),
			sent: sum.Sent, received: sum.Received, open: e.Open,
		}
	}
	require.Equal(t, want, got)
}

// draw decides what becomes of a connection, and when which side tells of it.
func draw(random *rand.Rand, want *tally, c, s model.Flow, put func(string, int, model.Flow)) {
	client, server := c.Endpoint.Node, s.Endpoint.Node
	want.opens++
	if random.IntN(5) == 0 {
		// Nobody knows who would have served: a listener that was seen before, or the only workload at the address.
		// Both are learned only from rows, so that the failure comes last.
		c.Established, c.Failure, c.Delta = false, model.FailureRefused, model.Counters{SentSegments: 1, ReceivedSegments: 1}
		want.closes++
		want.failures++
		put(client, 3, c)
		// An established connection to the same place, so that it is known.
		s.Cookie += 2
		c.Cookie += 2
		c.Failure, c.Established, c.Delta = model.FailureNone, true, model.Counters{SentBytes: 1, SentSegments: 1}
		s.Delta = model.Counters{ReceivedBytes: 1, ReceivedSegments: 1}
		want.opens++
		want.established++
		want.closes++
		want.sent++
		put(client, 0, c)
		put(server, 0, s)
		return
	}
	want.established++
	want.sent += 100
	want.received += 2000
	if random.IntN(2) == 0 {
		want.closes++
		put(client, random.IntN(2), c)
		put(server, random.IntN(2), s)
		return
	}
	// In two pieces: opened, then closed; or never closed.
	for _, half := range []struct {
		node string
		flow model.Flow
	}{{client, c}, {server, s}} {
		first, second := half.flow, half.flow
		first.Closed, second.Opened, second.Established = false, false, false
		first.Delta.SentBytes /= 4
		first.Delta.ReceivedBytes /= 4
		second.Delta = half.flow.Delta.Sub(first.Delta)
		put(half.node, random.IntN(2), first)
		put(half.node, 2, second)
	}
	want.closes++
}
