// SPDX-License-Identifier: Apache-2.0

package aeolusreceiver

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"google.golang.org/protobuf/proto"

	flowv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/flow/v1"
	"github.com/aeolus-ebpf/aeolus/internal/collector/passage"
	"github.com/aeolus-ebpf/aeolus/internal/names"
	"github.com/aeolus-ebpf/aeolus/internal/pki"
)

// FuzzTake feeds bytes as a batch and as events of one node's agent. Whatever comes through is of that node, for everybody
// who reads it later.
func FuzzTake(f *testing.F) {
	request, err := proto.Marshal(&flowv1.ExportRequest{Batch: flowBatch("n1", 1)})
	require.NoError(f, err)
	events, err := new(plog.ProtoMarshaler).MarshalLogs(passage.BatchLogs(passage.Header{Node: "n1"}, nil))
	require.NoError(f, err)
	f.Add(request)
	f.Add(events)
	sender := pki.Identity{Kind: pki.KindAgent, Name: "n1"}
	f.Fuzz(func(t *testing.T, message []byte) {
		next := new(sink)
		r, err := newReceiver(receivertest.NewNopSettings(NewFactory().Type()), defaultConfig().(*Config), next)
		require.NoError(t, err)
		_, batchErr := r.takeBatch(context.Background(), sender, message)
		require.Equal(t, batchErr == nil, len(next.logs) == 1)
		if batchErr == nil {
			body := next.logs[0].ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).Body().Bytes().AsRaw()
			batch := new(flowv1.Batch)
			if proto.Unmarshal(body, batch) == nil {
				require.Equal(t, "n1", batch.GetNode())
			}
		}
		next.logs = nil
		_, _ = r.takeLogs(context.Background(), sender, message)
		for _, logs := range next.logs {
			for _, resource := range logs.ResourceLogs().All() {
				node, ok := resource.Resource().Attributes().Get(names.HostName)
				require.True(t, ok)
				require.Equal(t, "n1", node.AsString())
				for _, scope := range resource.ScopeLogs().All() {
					require.NotEqual(t, names.ScopeFlow, scope.Scope().Name())
				}
			}
		}
	})
}
