// SPDX-License-Identifier: Apache-2.0

package edgesconnector

import (
	"context"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/plog"
	"google.golang.org/protobuf/proto"

	"github.com/aeolus-ebpf/aeolus/internal/model"
	"github.com/aeolus-ebpf/aeolus/internal/wire"
)

// benchmarked makes a connector that gives to nobody.
func benchmarked(presets ...string) *edgesConnector {
	config := defaultConfig().(*Config)
	config.Names = presets
	return newConnector(params{config: config, next: consumertest.NewNop(), instance: "here"})
}

// BenchmarkRow is the price of one row of a flow batch, from its bytes to the series: long connections between 50
// workloads, of which both ends report.
func BenchmarkRow(b *testing.B) {
	for name, presets := range map[string][]string{"aeolus": {"aeolus"}, "all": {"aeolus", "obi", "dolphin"}} {
		b.Run(name, func(b *testing.B) {
			const rows = 2000
			var flows []model.Flow
			now := time.Now()
			// An agent has one endpoint for one process.
			endpoints := map[string]*model.Endpoint{}
			shared := func(of **model.Endpoint) {
				if endpoints[(*of).Workload] == nil {
					endpoints[(*of).Workload] = *of
				}
				*of = endpoints[(*of).Workload]
			}
			for i := range rows / 2 {
				flows = append(flows, pair(uint64(i+1), i%50, (i+1+i/50)%50, model.Counters{
					SentBytes: 1000, ReceivedBytes: 3000, SentSegments: 4, ReceivedSegments: 6,
				}, func(client, server *model.Flow) {
					client.Start, server.Start = now, now
					shared(&client.Endpoint)
					shared(&server.Endpoint)
				})...)
			}
			message := wire.EncodeBatch(&model.Batch{Node: "n1", AgentID: "a", Taken: now, Interval: time.Second, Flows: flows})
			c := benchmarked(presets...)
			sequence := uint64(0)
			next := func() plog.Logs {
				sequence++
				message.Sequence = sequence
				message.WallUnixNano = time.Now().UnixNano()
				body, err := proto.Marshal(message)
				require.NoError(b, err)
				logs := logsOf(b, &model.Batch{Sequence: sequence, Taken: now})
				logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).Body().SetEmptyBytes().FromRaw(body)
				return logs
			}
			b.ReportAllocs()
			var used time.Duration
			for n := 0; n < b.N; n += rows {
				b.StopTimer()
				logs := next()
				before := processor(b)
				b.StartTimer()
				require.NoError(b, c.ConsumeLogs(context.Background(), logs))
				used += processor(b) - before
			}
			b.ReportMetric(float64(used)/float64(b.N), "cpu-ns/op")
		})
	}
}

// processor is how much time of processors the test has used so far, which another program beside it does not change.
func processor(b *testing.B) time.Duration {
	var usage syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// BenchmarkEvent is the price of one event, from OTLP to a message with its series.
func BenchmarkEvent(b *testing.B) {
	c := benchmarked("aeolus")
	require.NoError(b, c.ConsumeLogs(context.Background(), logsOf(b, &model.Batch{Sequence: 1, Taken: time.Now()})))
	b.ReportAllocs()
	for n := 0; n < b.N; n++ {
		b.StopTimer()
		logs := eventsOf(b, []model.Event{refused(n, time.Now())})
		b.StartTimer()
		require.NoError(b, c.ConsumeLogs(context.Background(), logs))
	}
}

// BenchmarkHeartbeat is the price of one series' sample when all are given: 2,000 edges.
func BenchmarkHeartbeat(b *testing.B) {
	c := benchmarked("aeolus")
	for i := range 2000 {
		batch := &model.Batch{Sequence: uint64(i + 1), Taken: time.Now(), Flows: pair(uint64(i), i, 3000+i%7, model.Counters{SentBytes: 1, SentSegments: 1}, nil)}
		require.NoError(b, c.ConsumeLogs(context.Background(), logsOf(b, batch)))
	}
	require.NoError(b, c.give(context.Background(), everything))
	b.ReportAllocs()
	points := 0
	for n := 0; n < b.N; {
		c.mu.Lock()
		e := c.compose(everything, time.Now())
		c.mu.Unlock()
		points = e.metrics.DataPointCount()
		n += points
	}
	b.ReportMetric(float64(points), "points")
	if points < 20000 {
		b.Fatalf("%d points", points)
	}
}
