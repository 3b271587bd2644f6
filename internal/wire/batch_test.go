// SPDX-License-Identifier: Apache-2.0

package wire_test

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	flowv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/flow/v1"
	"github.com/aeolus-ebpf/aeolus/internal/model"
	"github.com/aeolus-ebpf/aeolus/internal/wire"
)

func TestBatchRoundTrip(t *testing.T) {
	for seed := range uint64(50) {
		g := newGenerator(seed)
		want := g.batch(g.IntN(200))
		encoded, err := proto.Marshal(wire.EncodeBatch(want))
		require.NoError(t, err)
		var message flowv1.Batch
		require.NoError(t, proto.Unmarshal(encoded, &message))
		got, rejected, err := wire.DecodeBatch(&message, nil)
		require.NoError(t, err, "seed %d", seed)
		require.Empty(t, rejected, "seed %d", seed)
		require.Equal(t, want, got, "seed %d", seed)
	}
}

func TestEncodedTextCanTravel(t *testing.T) {
	long := strings.Repeat("x", wire.MaxString-1) + "éé"
	batch := newGenerator(1).batch(1)
	batch.Flows[0].Endpoint.Process = "bad\xff\xfename"
	batch.Flows[0].Endpoint.Executable = long
	batch.Flows[0].Endpoint.CgroupPath = strings.Repeat("\xff", 1000)
	encoded, err := proto.Marshal(wire.EncodeBatch(batch))
	require.NoError(t, err)
	var message flowv1.Batch
	require.NoError(t, proto.Unmarshal(encoded, &message))
	got, rejected, err := wire.DecodeBatch(&message, nil)
	require.NoError(t, err)
	require.Empty(t, rejected)
	require.Equal(t, "bad?name", got.Flows[0].Endpoint.Process)
	require.Equal(t, strings.Repeat("x", wire.MaxString-1), got.Flows[0].Endpoint.Executable)
	require.True(t, utf8.ValidString(got.Flows[0].Endpoint.CgroupPath))
}

func TestClocksThatDisagreeStayInRange(t *testing.T) {
	batch := newGenerator(1).batch(2)
	batch.Flows[0].Start, batch.Flows[0].Closed, batch.Flows[0].End = batch.Taken.Add(time.Second), true, batch.Taken.Add(time.Minute)
	batch.Flows[1].Start, batch.Flows[1].Closed, batch.Flows[1].End = time.Time{}, true, time.Time{}
	got, rejected, err := wire.DecodeBatch(wire.EncodeBatch(batch), nil)
	require.NoError(t, err)
	require.Empty(t, rejected)
	require.Equal(t, batch.Taken, got.Flows[0].Start)
	require.Equal(t, batch.Taken.Add(-1), got.Flows[0].End)
	require.Equal(t, batch.Taken, got.Flows[1].Start)
}

func TestEncodeBatchesKeepsToTheBounds(t *testing.T) {
	g := newGenerator(7)
	batch := g.batch(0)
	for range 20_000 {
		endpoint := g.endpoint()
		endpoint.Executable = strings.Repeat("e", wire.MaxString)
		endpoint.CgroupPath = strings.Repeat("c", wire.MaxString)
		batch.Flows = append(batch.Flows, g.flow([]*model.Endpoint{endpoint}))
	}
	var sequence uint64
	encoded := wire.EncodeBatches(batch, func() uint64 { sequence++; return sequence })
	require.Greater(t, len(encoded), 1)
	var flows []model.Flow
	for i, message := range encoded {
		require.LessOrEqual(t, proto.Size(message), wire.MaxMessageBytes)
		require.Equal(t, uint64(i+1), message.Sequence)
		require.Equal(t, i == len(encoded)-1, len(message.Stages) > 0, "stages travel with the last part alone")
		part, rejected, err := wire.DecodeBatch(message, nil)
		require.NoError(t, err)
		require.Empty(t, rejected)
		flows = append(flows, part.Flows...)
	}
	require.Equal(t, batch.Flows, flows)
}

func TestEncodeBatchesSplitsByNumbers(t *testing.T) {
	g := newGenerator(8)
	batch := g.batch(10)
	for len(batch.Flows) <= wire.MaxRows {
		batch.Flows = append(batch.Flows, batch.Flows[:10]...)
	}
	for len(batch.Listeners) <= wire.MaxListeners {
		batch.Listeners = append(batch.Listeners, model.BoundListener{Local: g.address(), Endpoint: batch.Flows[0].Endpoint})
	}
	var sequence uint64
	for _, message := range wire.EncodeBatches(batch, func() uint64 { sequence++; return sequence }) {
		_, rejected, err := wire.DecodeBatch(message, nil)
		require.NoError(t, err)
		require.Empty(t, rejected)
	}
	require.Equal(t, uint64(2), sequence)
}

func TestBadBatchIsRejectedWhole(t *testing.T) {
	for name, test := range map[string]struct {
		spoil func(*flowv1.Batch)
		says  string
	}{
		"no node":            {func(b *flowv1.Batch) { b.Node = "" }, "node's name has 0 bytes"},
		"long node":          {func(b *flowv1.Batch) { b.Node = strings.Repeat("n", 257) }, "node's name has 257 bytes"},
		"no agent":           {func(b *flowv1.Batch) { b.AgentId = "" }, "agent's id"},
		"no sequence":        {func(b *flowv1.Batch) { b.Sequence = 0 }, "sequence"},
		"no wall":            {func(b *flowv1.Batch) { b.WallUnixNano = -1 }, "wall_unix_nano"},
		"interval":           {func(b *flowv1.Batch) { b.IntervalNano = 1 << 63 }, "interval"},
		"short column":       {func(b *flowv1.Batch) { b.Rows.HandshakeUs = b.Rows.HandshakeUs[1:] }, "column handshake_us has 39 rows where column cookie has 40"},
		"long column":        {func(b *flowv1.Batch) { b.Rows.Role = append(b.Rows.Role, 1) }, "column role has 41 rows"},
		"no cookies":         {func(b *flowv1.Batch) { b.Rows.Cookie = nil }, "column endpoint has 40 rows"},
		"too many rows":      {func(b *flowv1.Batch) { b.Rows.Cookie = make([]uint64, wire.MaxRows+1) }, "65537 rows: 65536 are allowed"},
		"too many endpoints": {func(b *flowv1.Batch) { b.Endpoints = make([]*flowv1.Endpoint, wire.MaxEndpoints+1) }, "16385 endpoints"},
		"too many addresses": {func(b *flowv1.Batch) { b.Addresses = make([][]byte, wire.MaxAddresses+1) }, "addresses"},
		"too many listeners": {func(b *flowv1.Batch) { b.Listeners = make([]*flowv1.Listener, wire.MaxListeners+1) }, "listeners"},
		"too many owners":    {func(b *flowv1.Batch) { b.AddressOwners = make([]*flowv1.AddressOwner, wire.MaxAddresses+1) }, "address owners"},
		"too many stages":    {func(b *flowv1.Batch) { b.Stages = make([]*flowv1.StageCount, wire.MaxStages+1) }, "stages"},
	} {
		t.Run(name, func(t *testing.T) {
			message := wire.EncodeBatch(newGenerator(3).batch(40))
			test.spoil(message)
			got, _, err := wire.DecodeBatch(message, nil)
			require.Nil(t, got)
			require.ErrorIs(t, err, wire.ErrBadBatch)
			require.ErrorContains(t, err, test.says)
		})
	}
	_, _, err := wire.DecodeBatch(nil, nil)
	require.ErrorIs(t, err, wire.ErrBadBatch)
	_, _, err = wire.DecodeBatch(wire.EncodeBatch(newGenerator(3).batch(40)), &wire.DecodeLimits{Rows: 39})
	require.ErrorContains(t, err, "39 are allowed")
}

func TestBadRowIsRejectedAlone(t *testing.T) {
	for reason, spoil := range map[string]func(*flowv1.Batch){
		"cookie-missing":        func(b *flowv1.Batch) { b.Rows.Cookie[5] = 0 },
		"role-unknown":          func(b *flowv1.Batch) { b.Rows.Role[5] = 3 },
		"flag-unknown":          func(b *flowv1.Batch) { b.Rows.Flags[5] |= 1 << 30 },
		"failure-unknown":       func(b *flowv1.Batch) { b.Rows.Failure[5] = 99 },
		"time-out-of-range":     func(b *flowv1.Batch) { b.Rows.StartBefore[5] = 1 << 63 },
		"end-contradicts-flag":  func(b *flowv1.Batch) { b.Rows.EndBefore[5], b.Rows.Flags[5] = 7, 0 },
		"bytes-out-of-range":    func(b *flowv1.Batch) { b.Rows.SentBytes[5] = 1 << 63 },
		"endpoint-out-of-range": func(b *flowv1.Batch) { b.Rows.Endpoint[5] = 1 << 31 },
		"address-out-of-range":  func(b *flowv1.Batch) { b.Rows.RemoteAddress[5] = 1 << 31 },
		"port-out-of-range":     func(b *flowv1.Batch) { b.Rows.LocalPort[5] = 65_536 },
		"address-malformed":     func(b *flowv1.Batch) { b.Rows.LocalAddress[5] = add(&b.Addresses, []byte{1, 2, 3}) },
		"endpoint-missing":      func(b *flowv1.Batch) { b.Rows.Endpoint[5] = add(&b.Endpoints, nil) },
		"endpoint-kind-unknown": func(b *flowv1.Batch) { b.Rows.Endpoint[5] = add(&b.Endpoints, &flowv1.Endpoint{Kind: "moon"}) },
		"endpoint-evidence-unknown": func(b *flowv1.Batch) {
			b.Rows.Endpoint[5] = add(&b.Endpoints, &flowv1.Endpoint{Evidence: map[string]string{"a": "b"}})
		},
		"endpoint-string-too-long": func(b *flowv1.Batch) {
			b.Rows.Endpoint[5] = add(&b.Endpoints, &flowv1.Endpoint{Unit: strings.Repeat("u", 257)})
		},
		"listener-port-out-of-range":          func(b *flowv1.Batch) { b.Listeners[0].Port = 1 << 16 },
		"listener-endpoint-missing":           func(b *flowv1.Batch) { b.Listeners[0].Endpoint = add(&b.Endpoints, nil) },
		"address-owner-address-malformed":     func(b *flowv1.Batch) { b.AddressOwners[0].Address = add(&b.Addresses, nil) },
		"address-owner-endpoint-out-of-range": func(b *flowv1.Batch) { b.AddressOwners[0].EndpointPlusOne = 1 << 31 },
	} {
		t.Run(reason, func(t *testing.T) {
			want := newGenerator(3).batch(40)
			message := wire.EncodeBatch(want)
			spoil(message)
			got, rejected, err := wire.DecodeBatch(message, nil)
			require.NoError(t, err)
			require.Equal(t, []wire.Rejected{{Reason: reason, Count: 1}}, rejected)
			lost := len(want.Flows) + len(want.Listeners) + len(want.Addresses) - len(got.Flows) - len(got.Listeners) - len(got.Addresses)
			require.Equal(t, 1, lost)
		})
	}
}

func add[T any](list *[]T, value T) uint32 {
	*list = append(*list, value)
	return uint32(len(*list) - 1)
}
