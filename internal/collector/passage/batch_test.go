// SPDX-License-Identifier: Apache-2.0

package passage

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	flowv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/flow/v1"
	"github.com/aeolus-ebpf/aeolus/internal/names"
)

func batch() *flowv1.Batch {
	return &flowv1.Batch{
		Node: "n1", AgentId: "0123456789abcdef", Sequence: 7, MonoNano: 1, WallUnixNano: time.Unix(1_700_000_000, 5).UnixNano(),
		Endpoints: []*flowv1.Endpoint{{Workload: "a"}}, Rows: &flowv1.Rows{Cookie: []uint64{1, 2}, Endpoint: []uint32{0, 0}},
	}
}

func marshal(t testing.TB, message proto.Message) []byte {
	t.Helper()
	bytes, err := proto.Marshal(message)
	require.NoError(t, err)
	return bytes
}

func TestHeader_isWhatADecoderReads(t *testing.T) {
	request := marshal(t, &flowv1.ExportRequest{Batch: batch()})
	raw, err := BatchOf(request)
	require.NoError(t, err)
	require.Equal(t, marshal(t, batch()), raw)
	require.Equal(t, request, RequestOf(raw))
	header, err := ReadHeader(raw)
	require.NoError(t, err)
	require.Equal(t, Header{Node: "n1", AgentID: "0123456789abcdef", Sequence: 7, Wall: uint64(batch().WallUnixNano)}, header)

	logs := BatchLogs(header, raw)
	require.Equal(t, 1, logs.LogRecordCount())
	resource := logs.ResourceLogs().At(0)
	require.Equal(t, map[string]any{names.ServiceName: "aeolus-agent", names.ServiceInstanceID: "0123456789abcdef", names.HostName: "n1"},
		resource.Resource().Attributes().AsRaw())
	scope := resource.ScopeLogs().At(0)
	require.Equal(t, names.ScopeFlow, scope.Scope().Name())
	require.Equal(t, raw, scope.LogRecords().At(0).Body().Bytes().AsRaw())
	require.Equal(t, time.Unix(1_700_000_000, 5).UTC(), scope.LogRecords().At(0).Timestamp().AsTime())
}

func TestHeader_refusals(t *testing.T) {
	good := marshal(t, batch())
	twice := protowire.AppendString(protowire.AppendTag(good[:len(good):len(good)], 1, protowire.BytesType), "other")
	number := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 3)
	for says, raw := range map[string][]byte{
		"field 1 of the batch is given twice":         twice,
		"the message is malformed":                    number,
		"which agent it is of":                        marshal(t, &flowv1.Batch{Node: "n", Sequence: 1}),
		"no sequence number":                          marshal(t, &flowv1.Batch{Node: "n", AgentId: "a"}),
		"malformed":                                   good[:len(good)-1],
		"the batch does not say which agent it is of": protowire.AppendString(protowire.AppendTag(nil, 2, protowire.BytesType), "\xff"),
	} {
		_, err := ReadHeader(raw)
		require.ErrorContains(t, err, says)
	}
	request := RequestOf(good)
	for _, bad := range [][]byte{nil, append(request[:len(request):len(request)], request...), request[:9], number} {
		_, err := BatchOf(bad)
		require.Error(t, err)
	}
}

// FuzzReadHeader compares what is read in passing with what a decoder makes of the same bytes: who a batch is of must not
// depend on who reads it.
func FuzzReadHeader(f *testing.F) {
	f.Add(RequestOf(marshal(f, batch())))
	f.Add([]byte{10, 2, 10, 0})
	f.Fuzz(func(t *testing.T, request []byte) {
		raw, err := BatchOf(request)
		if err != nil {
			return
		}
		header, err := ReadHeader(raw)
		if err != nil {
			return
		}
		decoded := new(flowv1.ExportRequest)
		if proto.Unmarshal(request, decoded) != nil {
			return
		}
		require.Equal(t, decoded.GetBatch().GetNode(), header.Node)
		require.Equal(t, decoded.GetBatch().GetAgentId(), header.AgentID)
		require.Equal(t, decoded.GetBatch().GetSequence(), header.Sequence)
		require.Equal(t, uint64(decoded.GetBatch().GetWallUnixNano()), header.Wall)
		again := new(flowv1.ExportRequest)
		require.NoError(t, proto.Unmarshal(RequestOf(raw), again))
		require.True(t, proto.Equal(decoded.GetBatch(), again.GetBatch()))
		require.Equal(t, 1, BatchLogs(header, raw).LogRecordCount())
	})
}

func TestCodec_framesAlone(t *testing.T) {
	codec := Codec{}
	require.Equal(t, "proto", codec.Name())
	written, err := codec.Marshal(&Frame{Bytes: []byte("as it is")})
	require.NoError(t, err)
	frame := new(Frame)
	require.NoError(t, codec.Unmarshal(written, frame))
	require.Equal(t, "as it is", string(frame.Bytes))
	_, err = codec.Marshal(batch())
	require.Error(t, err)
	require.Error(t, codec.Unmarshal(mem.BufferSlice{}, batch()))
}

func TestRejections_theGreatestOfSeveralReceivers(t *testing.T) {
	ctx, gathered := WithRejections(context.Background())
	Report(ctx, Rejected{Rows: map[string]uint64{"port": 2}, Records: 1, Why: "one"})
	var both Rejected
	both.Add(Rejected{Rows: map[string]uint64{"port": 1, "role": 1}, Records: 2, Why: "two"})
	both.Add(Rejected{Records: 3, Why: "three"})
	Report(ctx, both)
	require.Equal(t, Rejected{Rows: map[string]uint64{"port": 2, "role": 1}, Records: 5, Why: "three"}, gathered.Total())
	Report(context.Background(), both)
}
