// SPDX-License-Identifier: Apache-2.0

package aeolusexporter

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/plog"
	"google.golang.org/protobuf/proto"

	flowv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/flow/v1"
	"github.com/aeolus-ebpf/aeolus/internal/collector/aeolusexporter/spool"
	"github.com/aeolus-ebpf/aeolus/internal/names"
	"github.com/aeolus-ebpf/aeolus/internal/wire"
)

func unpack(t *testing.T, message []byte) plog.Logs {
	t.Helper()
	logs, err := new(plog.ProtoUnmarshaler).UnmarshalLogs(message)
	require.NoError(t, err)
	return logs
}

func TestPack_mixed(t *testing.T) {
	logs := batchLogs(7)
	eventLogs("a", "b").ResourceLogs().MoveAndAppendTo(logs.ResourceLogs())
	batchLogs(8).ResourceLogs().MoveAndAppendTo(logs.ResourceLogs())
	logs.MarkReadOnly()
	parcels, err := pack(logs)
	require.NoError(t, err)
	require.Len(t, parcels, 3)
	for i, sequence := range []uint64{7, 8} {
		request := new(flowv1.ExportRequest)
		require.NoError(t, proto.Unmarshal(parcels[i].message, request))
		require.Equal(t, sequence, request.GetBatch().GetSequence())
		require.Equal(t, flows, parcels[i].kind)
	}
	require.Equal(t, uint64(2), parcels[2].count)
	require.Equal(t, 2, unpack(t, parcels[2].message).LogRecordCount())
	parcels, err = pack(plog.NewLogs())
	require.NoError(t, err)
	require.Empty(t, parcels)
}

func TestPack_splitsWhatIsTooLarge(t *testing.T) {
	logs := eventLogs()
	scope := logs.ResourceLogs().At(0).ScopeLogs().At(0)
	for range 10 {
		scope.LogRecords().AppendEmpty().Body().SetStr(strings.Repeat("x", 1<<20))
	}
	parcels, err := pack(logs)
	require.NoError(t, err)
	total := 0
	for _, p := range parcels {
		require.LessOrEqual(t, len(p.message), wire.MaxMessageBytes)
		again := unpack(t, p.message)
		require.Equal(t, p.count, uint64(again.LogRecordCount()))
		node, _ := again.ResourceLogs().At(0).Resource().Attributes().Get(names.HostName)
		require.Equal(t, "n1", node.AsString())
		total += again.LogRecordCount()
	}
	require.Equal(t, 10, total)
	many := make([]string, wire.MaxEvents+1)
	parcels, err = pack(eventLogs(many...))
	require.NoError(t, err)
	require.Len(t, parcels, 2)

	scope.LogRecords().At(3).Body().SetStr(strings.Repeat("x", 5<<20))
	_, err = pack(logs)
	require.True(t, consumererror.IsPermanent(err))
	huge := batchLogs(1)
	record := huge.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0)
	record.Body().SetEmptyBytes().FromRaw(make([]byte, 5<<20))
	_, err = pack(huge)
	require.True(t, consumererror.IsPermanent(err))
	record.Body().SetStr("no bytes")
	_, err = pack(huge)
	require.True(t, consumererror.IsPermanent(err))
}

func TestJoin_isOneMessage(t *testing.T) {
	var records []spool.Record
	for _, id := range []string{"a", "b", "c"} {
		parcels, err := pack(eventLogs(id, id+id))
		require.NoError(t, err)
		records = append(records, spool.Record{Payload: parcels[0].message, Count: parcels[0].count})
	}
	n, joined := join(records)
	require.Equal(t, 3, n)
	require.Equal(t, uint64(6), joined.count)
	require.Equal(t, 6, unpack(t, joined.message).LogRecordCount())
	records[1].Count = wire.MaxEvents
	n, joined = join(records)
	require.Equal(t, 1, n)
	require.Equal(t, uint64(2), joined.count)
}

// FuzzAnswer reads bytes as a controller's answer. Whatever it says, it is an answer.
func FuzzAnswer(f *testing.F) {
	answer, err := proto.Marshal(&flowv1.ExportResponse{Rejected: []*flowv1.LossCount{{Reason: "port", Count: 3}}})
	require.NoError(f, err)
	f.Add(answer)
	f.Add([]byte{10, 2, 8, 1})
	f.Fuzz(func(t *testing.T, answer []byte) {
		for _, k := range [...]kind{events, flows} {
			rejected := readAnswer(k, answer)
			if k == events {
				require.Empty(t, rejected.Rows)
			}
		}
	})
}
