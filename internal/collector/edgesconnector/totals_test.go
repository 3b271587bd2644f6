// SPDX-License-Identifier: Apache-2.0

package edgesconnector

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumertest"

	"github.com/aeolus-ebpf/aeolus/internal/model"
)

// counted is what a test has put in.
type counted struct {
	opened, established, closed, bytes, segments, again, failed, handshakes, readings float64
}

func (c *counted) row(client, server *model.Flow) {
	c.opened++
	if client.Failure != model.FailureNone {
		c.failed++
	}
	c.again += float64(client.Delta.Retransmits)
	c.segments += float64(client.Delta.SentSegments)
	if client.Handshake > 0 {
		c.handshakes++
	}
	if client.Closed {
		c.closed++
	}
	if client.Delta.SentSegments > 0 && client.SmoothedRTT > 0 {
		c.readings++
	}
	if server == nil {
		return
	}
	c.established++
	c.bytes += float64(server.Delta.SentBytes + server.Delta.ReceivedBytes)
	c.segments += float64(server.Delta.SentSegments)
	if server.Delta.SentSegments > 0 && server.SmoothedRTT > 0 {
		c.readings++
	}
}

func (c *counted) check(t *testing.T, r *recorder) {
	t.Helper()
	for metric, want := range map[string]float64{
		"aeolus_edge_connections_opened_total": c.opened, "aeolus_edge_connections_established_total": c.established,
		"aeolus_edge_connections_closed_total": c.closed, "aeolus_edge_io_bytes_total": c.bytes,
		"aeolus_edge_sent_segments_total": c.segments, "aeolus_edge_retransmitted_segments_total": c.again,
		"aeolus_edge_connection_failures_total": c.failed, "obi_network_flow_bytes_total": c.bytes,
	} {
		require.Equal(t, want, r.total(metric+"{"), metric)
	}
	count := func(prefix string) float64 {
		sum := 0.0
		for key, samples := range r.series {
			if strings.HasPrefix(key, prefix) && strings.HasSuffix(key, "_count") {
				sum += increase(samples)
			}
		}
		return sum
	}
	open := 0.0
	for _, value := range r.live("aeolus_edge_connections_open{") {
		open += value
	}
	require.Equal(t, c.opened-c.closed, open, "connections that are open")
	require.Equal(t, c.handshakes, count("aeolus_edge_handshake_duration_seconds"))
	require.Equal(t, c.readings, count("aeolus_edge_rtt_seconds"))
	require.Equal(t, c.readings, count("obi_stat_tcp_rtt_seconds"))
}

// TestTotals_explosion: one pod that becomes a thousand workloads. It gets no more series than there are, the totals are
// exact, and what was there before keeps its own.
func TestTotals_explosion(t *testing.T) {
	const limit = 100
	b := newBench(t, func(c *Config) { c.Names, c.MaxEdges = []string{"aeolus", "obi"}, limit })
	var want counted
	give := func(cookie uint64, client int) {
		flows := pair(cookie, client, 5000, model.Counters{
			SentBytes: 10 + cookie, ReceivedBytes: 3, SentSegments: 2, ReceivedSegments: 1, Retransmits: 1,
		}, nil)
		want.row(&flows[0], &flows[1])
		b.batch(&model.Batch{Taken: b.clock, Flows: flows})
	}
	give(1, 1)
	b.pass(2 * time.Second)
	for i := range 1000 {
		give(uint64(i+2), i+2)
		if i%100 == 0 {
			b.pass(time.Second)
		}
	}
	b.pass(5 * time.Second)
	want.check(t, b.recorder)
	require.LessOrEqual(t, len(b.recorder.live("aeolus_edge_connections_opened_total")), limit+1)
	require.LessOrEqual(t, len(b.recorder.live("obi_network_flow_bytes_total")), 2*limit+1)
	require.NotEmpty(t, b.recorder.live(`aeolus_edge_connections_opened_total{destination_workload="other",edge="other",source_workload="other"}`))
	require.Equal(t, 100.0, one(t, b.recorder.live("aeolus_collector_edges_limit")))
}

// refusing is a consumer that now and then does not take what it is given. Nothing of what it refuses has arrived.
type refusing struct {
	*consumertest.MetricsSink
	random *rand.Rand
	every  int
}

func (r *refusing) ConsumeMetrics(ctx ctx, metrics metrics) error {
	if r.every > 0 && r.random.IntN(r.every) == 0 {
		return errors.New("not now")
	}
	return r.MetricsSink.ConsumeMetrics(ctx, metrics)
}

// TestTotals_whateverHappens feeds traffic at random, under all bounds at once, with edges that end and come back, and a
// next component that refuses: the sums are what was put in, always.
func TestTotals_whateverHappens(t *testing.T) {
	for seed := range uint64(15) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			b := newBench(t, func(c *Config) {
				c.Names, c.MaxEdges, c.Expire = []string{"aeolus", "obi"}, 1+random.IntN(30), 30*time.Second
			})
			sink := &refusing{b.sink, random, random.IntN(6)}
			b.next = sink
			var want counted
			cookie := uint64(0)
			for range 60 {
				var flows []model.Flow
				for range random.IntN(8) {
					cookie++
					flows = append(flows, anything(random, cookie, b.clock, &want)...)
				}
				b.batch(&model.Batch{Taken: b.clock, Flows: flows})
				b.pass(time.Duration(1+random.IntN(40)) * settling)
				for quiet := random.IntN(10) == 0; quiet && b.clock.Sub(begin)%time.Minute != 0; {
					// The agent is heard, so that what is open stays open.
					b.pass(settling)
					if b.clock.Sub(begin)%(20*time.Second) == 0 {
						b.batch(&model.Batch{Taken: b.clock})
					}
				}
			}
			sink.every = 0
			b.pass(20 * time.Second)
			want.check(t, b.recorder)
		})
	}
}

// anything makes a connection that began and ended: both its halves, or that of a client whose connect failed.
func anything(random *rand.Rand, cookie uint64, now time.Time, want *counted) []model.Flow {
	number := func() uint64 { return uint64(random.IntN(1000)) }
	flows := pair(cookie, 1+random.IntN(12), 1+random.IntN(12), model.Counters{
		SentBytes: number(), ReceivedBytes: number(), SentSegments: number(), ReceivedSegments: number(), Retransmits: number(),
	}, func(client, server *model.Flow) {
		client.Start, server.Start = now, now
		client.Closed, server.Closed, client.End, server.End = true, true, now, now
		if client.Local.Port()%5 == 0 {
			client.Closed, server.Closed, client.End, server.End = false, false, time.Time{}, time.Time{}
		}
		if random.IntN(2) == 0 {
			client.Handshake = 0
		}
	})
	if random.IntN(3) > 0 {
		want.row(&flows[0], &flows[1])
		return flows
	}
	failed := flows[0]
	failed.Established, failed.Handshake, failed.SmoothedRTT = false, 0, 0
	failed.Delta = model.Counters{SentSegments: 1}
	failed.Failure = model.FailureRefused + model.Failure(random.IntN(3))
	failed.Remote = netip.AddrPortFrom(address(1+random.IntN(30)), 81)
	want.row(&failed, nil)
	return []model.Flow{failed}
}

// TestTotals_events counts events at random in the same way.
func TestTotals_events(t *testing.T) {
	b := newBench(t, func(c *Config) { c.MaxEventSeries, c.MaxEdges = 7, 20 })
	b.batch(&model.Batch{Taken: b.clock})
	random := rand.New(rand.NewPCG(3, 4))
	kinds := []model.EventKind{model.EventRefused, model.EventTimedOut, model.EventUnreachable}
	want := map[model.EventKind]float64{}
	for i := range 500 {
		kind := kinds[random.IntN(len(kinds))]
		want[kind]++
		b.happen(model.Event{
			ID: fmt.Sprintf("agent-1-%d", i), Kind: kind, Node: "n1", Time: b.clock, Role: model.RoleClient,
			Endpoint: who(fmt.Sprintf("w%d", random.IntN(10))),
			Local:    netip.AddrPortFrom(address(1), 40000+uint16(i)), Remote: netip.AddrPortFrom(address(100+random.IntN(50)), 80),
		})
		if random.IntN(20) == 0 {
			b.pass(time.Second)
		}
	}
	b.pass(time.Minute)
	require.LessOrEqual(t, len(b.recorder.live("aeolus_events_total")), 7+len(kinds))
	sums := map[model.EventKind]float64{}
	for key, samples := range b.recorder.series {
		for _, kind := range kinds {
			if strings.Contains(key, fmt.Sprintf("kind=%q", kind)) {
				sums[kind] += increase(samples)
			}
		}
	}
	require.Equal(t, want, sums)
}

// TestTotals_openStaysWhereItWasCounted: an edge that found no room counts its open connections with the others; when
// there is room again their ends are counted there too.
func TestTotals_openStaysWhereItWasCounted(t *testing.T) {
	b := newBench(t, func(c *Config) { c.MaxEdges, c.Expire = 2, 30*time.Second })
	sink := &refusing{b.sink, rand.New(rand.NewPCG(1, 1)), 1}
	b.next = sink
	give := func(cookie uint64, server int, closed bool) {
		b.batch(&model.Batch{Taken: b.clock, Flows: pair(cookie, 1, server, model.Counters{SentBytes: 1}, func(client, server *model.Flow) {
			if closed {
				client.Closed, server.Closed, client.End, server.End = true, true, b.clock, b.clock
			}
		})})
	}
	wait := func() {
		for range 4 {
			b.pass(15 * time.Second)
			b.batch(&model.Batch{Taken: b.clock})
		}
	}
	open := func() (sum float64) {
		for _, value := range b.recorder.live("aeolus_edge_connections_open{") {
			sum += value
		}
		return sum
	}
	give(1, 2, true)
	give(2, 3, true)
	wait()
	give(3, 4, false)
	sink.every = 0
	wait()
	require.Equal(t, 1.0, open())
	require.Len(t, b.recorder.live("aeolus_edge_connections_open{"), 1, "the first two have ended")
	give(3, 4, true)
	b.pass(5 * time.Second)
	require.Zero(t, open())
	give(4, 5, false)
	give(5, 4, false)
	b.pass(5 * time.Second)
	require.Equal(t, 2.0, open())
}
