// SPDX-License-Identifier: Apache-2.0

package edgesconnector

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"google.golang.org/protobuf/proto"

	"github.com/aeolus-ebpf/aeolus/internal/model"
	"github.com/aeolus-ebpf/aeolus/internal/names"
	"github.com/aeolus-ebpf/aeolus/internal/wire"
)

// FuzzConsume feeds any bytes as a flow batch, and as a message of log records: nothing breaks, and what is given keeps to
// what Prometheus takes.
func FuzzConsume(f *testing.F) {
	batch := wire.EncodeBatch(&model.Batch{
		Node: "n1", AgentID: "a", Taken: begin, Flows: pair(1, 1, 2, model.Counters{SentBytes: 1 << 62, SentSegments: 1}, nil),
		Stages: []model.StageCount{{Stage: "rings", In: 1, Dropped: map[string]uint64{"x": 1 << 63}}},
	})
	batch.Sequence = 1
	body, err := proto.Marshal(batch)
	require.NoError(f, err)
	f.Add(body, []byte{})
	marshaler := plog.ProtoMarshaler{}
	logs, err := marshaler.MarshalLogs(eventsOf(f, []model.Event{refused(1, begin), refused(2, begin)}))
	require.NoError(f, err)
	f.Add([]byte{}, logs)
	f.Fuzz(func(t *testing.T, body, message []byte) {
		b := newBench(t, func(c *Config) { c.Names, c.MaxEdges = []string{"aeolus", "obi", "dolphin"}, 2 })
		logs := plog.NewLogs()
		scope := logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty()
		scope.Scope().SetName(names.ScopeFlow)
		scope.LogRecords().AppendEmpty().Body().SetEmptyBytes().FromRaw(body)
		require.NoError(t, b.ConsumeLogs(context.Background(), logs))
		unmarshaler := plog.ProtoUnmarshaler{}
		if decoded, err := unmarshaler.UnmarshalLogs(message); err == nil {
			require.NoError(t, b.ConsumeLogs(context.Background(), decoded))
		}
		b.pass(3 * time.Second)
	})
}
