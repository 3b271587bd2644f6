// SPDX-License-Identifier: Apache-2.0

package wire_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	"google.golang.org/protobuf/proto"

	flowv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/flow/v1"
	"github.com/aeolus-ebpf/aeolus/internal/model"
	"github.com/aeolus-ebpf/aeolus/internal/wire"
)

func FuzzDecodeBatch(f *testing.F) {
	for seed := range uint64(5) {
		encoded, err := proto.Marshal(wire.EncodeBatch(newGenerator(seed).batch(int(seed) * 7)))
		require.NoError(f, err)
		f.Add(encoded)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var message flowv1.Batch
		if proto.Unmarshal(data, &message) != nil {
			return
		}
		batch, rejected, err := wire.DecodeBatch(&message, nil)
		if err != nil {
			require.ErrorIs(t, err, wire.ErrBadBatch)
			return
		}
		require.Equal(t, len(message.GetRows().GetCookie())+len(message.Listeners)+len(message.AddressOwners),
			len(batch.Flows)+len(batch.Listeners)+len(batch.Addresses)+count(rejected))
		// What was taken can be sent on, and says the same again.
		again, rejected, err := wire.DecodeBatch(wire.EncodeBatch(batch), nil)
		require.NoError(t, err)
		require.Empty(t, rejected)
		require.Equal(t, batch, again)
	})
}

func FuzzEventsFromOTLP(f *testing.F) {
	g := newGenerator(1)
	for n := range 5 {
		logs := &logspb.LogsData{ResourceLogs: wire.EventsToOTLP(reporter, []model.Event{g.event(n)})}
		encoded, err := proto.Marshal(logs)
		require.NoError(f, err)
		f.Add(encoded)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var message logspb.LogsData
		if proto.Unmarshal(data, &message) != nil {
			return
		}
		events, rejected, err := wire.EventsFromOTLP(message.ResourceLogs, nil)
		if err != nil {
			require.ErrorIs(t, err, wire.ErrBadEvents)
			return
		}
		for i := range events {
			again, _, err := wire.EventsFromOTLP(wire.EventsToOTLP(wire.Reporter{Node: events[i].Node}, events[i:i+1]), nil)
			require.NoError(t, err)
			require.Len(t, again, 1)
		}
		require.LessOrEqual(t, count(rejected), wire.MaxEvents)
	})
}

func count(rejected []wire.Rejected) int {
	var n int
	for _, r := range rejected {
		n += int(r.Count)
	}
	return n
}
