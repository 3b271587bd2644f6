// SPDX-License-Identifier: Apache-2.0

package wire_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	"google.golang.org/protobuf/proto"

	flowv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/flow/v1"
	"github.com/aeolus-ebpf/aeolus/internal/model"
	"github.com/aeolus-ebpf/aeolus/internal/wire"
)

const benchRows = 4_096

// shapes are how many endpoints the rows of a batch have between them.
var shapes = []int{64, 410}

// BenchmarkDecodeBatch takes bytes apart, as the controller gets them.
func BenchmarkDecodeBatch(b *testing.B) {
	for _, distinct := range shapes {
		b.Run(fmt.Sprintf("endpoints=%d", distinct), func(b *testing.B) {
			encoded, err := proto.Marshal(wire.EncodeBatch(newGenerator(1).batchOf(benchRows, distinct)))
			require.NoError(b, err)
			b.ReportAllocs()
			for b.Loop() {
				var message flowv1.Batch
				if err := proto.Unmarshal(encoded, &message); err != nil {
					b.Fatal(err)
				}
				if _, _, err := wire.DecodeBatch(&message, nil); err != nil {
					b.Fatal(err)
				}
			}
			perRow(b, benchRows)
			b.ReportMetric(float64(len(encoded))/benchRows, "B/row")
		})
	}
}

// BenchmarkEncodeBatch makes bytes of a batch, as the agent sends them.
func BenchmarkEncodeBatch(b *testing.B) {
	for _, distinct := range shapes {
		b.Run(fmt.Sprintf("endpoints=%d", distinct), func(b *testing.B) {
			batch := newGenerator(1).batchOf(benchRows, distinct)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := proto.Marshal(wire.EncodeBatch(batch)); err != nil {
					b.Fatal(err)
				}
			}
			perRow(b, benchRows)
		})
	}
}

// BenchmarkDecodeEvents takes single events apart: what the batches are measured against.
func BenchmarkDecodeEvents(b *testing.B) {
	g := newGenerator(1)
	events := make([]model.Event, 100)
	for n := range events {
		events[n] = g.event(n)
	}
	encoded, err := proto.Marshal(&logspb.LogsData{ResourceLogs: wire.EventsToOTLP(reporter, events)})
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		var message logspb.LogsData
		if err := proto.Unmarshal(encoded, &message); err != nil {
			b.Fatal(err)
		}
		if _, _, err := wire.EventsFromOTLP(message.ResourceLogs, nil); err != nil {
			b.Fatal(err)
		}
	}
	perRow(b, len(events))
}

func perRow(b *testing.B, rows int) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(rows), "ns/row")
}
