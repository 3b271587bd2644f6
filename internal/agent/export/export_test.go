// SPDX-License-Identifier: Apache-2.0

package export

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	flowv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/flow/v1"
	"github.com/aeolus-ebpf/aeolus/internal/loss"
	"github.com/aeolus-ebpf/aeolus/internal/model"
	"github.com/aeolus-ebpf/aeolus/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// port stands in for a connection. answer is called for each request, and fills the response.
type port struct {
	grpc.ClientConnInterface
	mu     sync.Mutex
	answer func(request, response proto.Message) error
	calls  int
}

func (p *port) Invoke(ctx context.Context, _ string, request, response any, _ ...grpc.CallOption) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return status.FromContextError(err).Err()
	}
	p.calls++
	return p.answer(request.(proto.Message), response.(proto.Message))
}

func batch(sequence uint64, rows int) *flowv1.Batch {
	return &flowv1.Batch{Sequence: sequence, Rows: &flowv1.Rows{Cookie: make([]uint64, rows)}}
}

func stage(ledger *loss.Ledger) loss.Count { return ledger.Counts()[0] }

func newFlows(p *port, batches, bytes int) (*Flows, *loss.Ledger) {
	ledger := loss.NewLedger()
	return NewFlows(FlowsConfig{
		Connection: p, Batches: batches, Bytes: bytes, Stage: ledger.Stage("flows"), Logger: slog.New(slog.DiscardHandler),
	}), ledger
}

func TestFlows_boundedByNumberAndBytes(t *testing.T) {
	for name, bounds := range map[string][2]int{"number": {3, 1 << 20}, "bytes": {100, 2_500}} {
		flows, ledger := newFlows(&port{}, bounds[0], bounds[1])
		for n := range uint64(10) {
			flows.Push(batch(n+1, 100))
		}
		require.Equal(t, 3, flows.Waiting(), name)
		require.Equal(t, uint64(8), flows.held[0].batch.Sequence, "the oldest go first")
		count := stage(ledger)
		require.Equal(t, uint64(700), count.Dropped["backlog-full"])
		require.Equal(t, count.In, count.Out+count.Lost()+flows.Held())
	}
}

func TestFlows_whatIsUnderWayIsNotDropped(t *testing.T) {
	p := &port{}
	flows, ledger := newFlows(p, 2, 1<<20)
	var got []uint64
	p.answer = func(request, _ proto.Message) error {
		sequence := request.(*flowv1.ExportRequest).Batch.Sequence
		got = append(got, sequence)
		if sequence == 1 {
			for n := range uint64(5) {
				flows.Push(batch(n+2, 10))
			}
		}
		return nil
	}
	flows.Push(batch(1, 10))
	flows.Flush(t.Context())
	require.Equal(t, []uint64{1, 6}, got)
	count := stage(ledger)
	require.Equal(t, uint64(20), count.Out)
	require.Equal(t, count.In, count.Out+count.Lost())
}

func TestFlows_rejectedRows(t *testing.T) {
	p := &port{answer: func(_, response proto.Message) error {
		response.(*flowv1.ExportResponse).Rejected = []*flowv1.LossCount{{Count: 3}, {Count: 1 << 62}, {Count: 1 << 63}}
		return nil
	}}
	flows, ledger := newFlows(p, 0, 0)
	flows.Push(batch(1, 10))
	flows.Flush(t.Context())
	require.Equal(t, map[string]uint64{"rejected": 10}, stage(ledger).Dropped, "nobody rejects more than there was")
	require.Zero(t, stage(ledger).Out)
}

func newEvents(p *port, most int) (*Events, *loss.Ledger) {
	ledger := loss.NewLedger()
	return NewEvents(EventsConfig{
		Connection: p, Most: most, Stage: ledger.Stage("events"), Logger: slog.New(slog.DiscardHandler), Reporter: wire.Reporter{Node: "n"},
	}), ledger
}

func event(n int) model.Event {
	return model.Event{ID: fmt.Sprint(n), Kind: model.EventRefused, Time: time.Unix(1, 0)}
}

func ids(request proto.Message) (all []string) {
	for _, record := range request.(*logspb.LogsData).ResourceLogs[0].ScopeLogs[0].LogRecords {
		all = append(all, record.Attributes[0].Value.GetStringValue())
	}
	return all
}

func TestEvents_oldestGoFirst(t *testing.T) {
	p := &port{}
	events, ledger := newEvents(p, 3)
	for n := range 5 {
		events.Push(event(n))
	}
	var got []string
	p.answer = func(request, _ proto.Message) error { got = ids(request); return nil }
	events.Flush(t.Context())
	require.Equal(t, []string{"2", "3", "4"}, got)
	count := stage(ledger)
	require.Equal(t, map[string]uint64{"backlog-full": 2}, count.Dropped)
	require.Equal(t, count.In, count.Out+count.Lost())
}

func TestEvents_unansweredComeAgainFirst(t *testing.T) {
	p := &port{}
	events, ledger := newEvents(p, 4)
	ctx, cancel := context.WithCancel(t.Context())
	p.answer = func(proto.Message, proto.Message) error {
		// While the first are under way others come, and then it all ends.
		for n := range 3 {
			events.Push(event(10 + n))
		}
		cancel()
		return status.Error(codes.Unavailable, "gone")
	}
	events.Push(event(1))
	events.Push(event(2))
	events.Flush(ctx)
	require.Equal(t, uint64(4), events.Held())
	var got []string
	p.answer = func(request, _ proto.Message) error { got = ids(request); return nil }
	events.Flush(t.Context())
	require.Equal(t, []string{"2", "10", "11", "12"}, got)
	count := stage(ledger)
	require.Equal(t, uint64(1), count.Dropped["backlog-full"])
	require.Equal(t, count.In, count.Out+count.Lost())
}

func TestEvents_leaveInPartsThatFit(t *testing.T) {
	p := &port{}
	events, ledger := newEvents(p, 0)
	for n := range 2*commit + 1 {
		events.Push(event(n))
	}
	var sizes []int
	p.answer = func(request, _ proto.Message) error {
		sizes = append(sizes, len(ids(request)))
		require.LessOrEqual(t, proto.Size(request), wire.MaxMessageBytes)
		return nil
	}
	events.Flush(t.Context())
	require.Equal(t, []int{commit, commit, 1}, sizes)
	require.Equal(t, uint64(2*commit+1), stage(ledger).Out)
}

func TestEvents_refusedAndRejected(t *testing.T) {
	p := &port{}
	events, ledger := newEvents(p, 0)
	p.answer = func(proto.Message, proto.Message) error { return status.Error(codes.InvalidArgument, "no") }
	events.Push(event(1))
	events.Flush(t.Context())
	p.answer = func(_, response proto.Message) error {
		partial := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 1)
		response.ProtoReflect().SetUnknown(protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), partial))
		return nil
	}
	events.Push(event(2))
	events.Push(event(3))
	events.Flush(t.Context())
	require.Equal(t, map[string]uint64{"refused": 1, "rejected": 1}, stage(ledger).Dropped)
	require.Equal(t, uint64(1), stage(ledger).Out)
}

func FuzzRejectedOf(f *testing.F) {
	f.Add([]byte{0x0a, 0x02, 0x08, 0x05})
	f.Add([]byte{0x0a, 0x80})
	f.Fuzz(func(_ *testing.T, response []byte) { rejectedOf(response) })
}

func TestRejectedOf(t *testing.T) {
	require.Equal(t, uint64(5), rejectedOf([]byte{0x12, 0x00, 0x0a, 0x06, 0x12, 0x02, 'h', 'i', 0x08, 0x05}))
	require.Zero(t, rejectedOf(nil))
}

func TestBackoff_growsAndEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var b Backoff
	require.True(t, b.Wait(ctx))
	require.Equal(t, firstPause, b.pause)
	cancel()
	for range 20 {
		require.False(t, b.Wait(ctx))
	}
	require.Equal(t, lastPause, b.pause)
}
