// SPDX-License-Identifier: Apache-2.0

package edgesconnector

import (
	"context"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"

	"github.com/aeolus-ebpf/aeolus/internal/model"
	"github.com/aeolus-ebpf/aeolus/internal/names"
	"github.com/aeolus-ebpf/aeolus/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var begin = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// bench is a connector with a clock of the test's own, whose messages are recorded.
type bench struct {
	*edgesConnector
	t        testing.TB
	clock    time.Time
	sink     *consumertest.MetricsSink
	recorder *recorder
	sequence uint64
}

func newBench(t testing.TB, change func(*Config)) *bench {
	config := defaultConfig().(*Config)
	if change != nil {
		change(config)
	}
	require.NoError(t, config.Validate())
	b := &bench{t: t, clock: begin, sink: new(consumertest.MetricsSink), recorder: newRecorder(t)}
	b.edgesConnector = newConnector(params{
		config: config, version: "1.2.3", instance: "here", next: b.sink, now: func() time.Time { return b.clock },
	})
	return b
}

// pass lets time go by, without the goroutine that otherwise would look at it.
func (b *bench) pass(d time.Duration) {
	for end := b.clock.Add(d); b.clock.Before(end); {
		b.clock = b.clock.Add(settling)
		b.tick(context.Background())
		b.record()
	}
}

func (b *bench) record() {
	for _, metrics := range b.sink.AllMetrics() {
		b.recorder.take(metrics)
	}
	b.sink.Reset()
}

func (b *bench) batch(batch *model.Batch) {
	b.sequence++
	batch.Sequence = b.sequence
	require.NoError(b.t, b.ConsumeLogs(context.Background(), logsOf(b.t, batch)))
}

func (b *bench) happen(events ...model.Event) {
	require.NoError(b.t, b.ConsumeLogs(context.Background(), eventsOf(b.t, events)))
}

func logsOf(t testing.TB, batch *model.Batch) plog.Logs {
	if batch.Node == "" {
		batch.Node = "n1"
	}
	if batch.AgentID == "" {
		batch.AgentID = "agent-1"
	}
	message := wire.EncodeBatch(batch)
	message.Sequence = batch.Sequence
	body, err := proto.Marshal(message)
	require.NoError(t, err)
	logs := plog.NewLogs()
	resource := logs.ResourceLogs().AppendEmpty()
	resource.Resource().Attributes().PutStr(names.HostName, batch.Node)
	scope := resource.ScopeLogs().AppendEmpty()
	scope.Scope().SetName(names.ScopeFlow)
	scope.LogRecords().AppendEmpty().Body().SetEmptyBytes().FromRaw(body)
	return logs
}

func eventsOf(t testing.TB, events []model.Event) plog.Logs {
	data := wire.EventsToOTLP(wire.Reporter{Node: events[0].Node, AgentID: "agent-1", Version: "1"}, events)
	bytes, err := proto.Marshal(data[0])
	require.NoError(t, err)
	// LogsData is a list of these in field 1.
	framed := append([]byte{0x0a}, varint(len(bytes))...)
	unmarshaler := plog.ProtoUnmarshaler{}
	logs, err := unmarshaler.UnmarshalLogs(append(framed, bytes...))
	require.NoError(t, err)
	return logs
}

func varint(n int) []byte {
	var out []byte
	for ; n >= 0x80; n >>= 7 {
		out = append(out, byte(n)|0x80)
	}
	return append(out, byte(n))
}

func who(name string) *model.Endpoint {
	return &model.Endpoint{Workload: name, Namespace: "shop", Kind: model.KindContainer, Node: "n1", NetNS: uint32(len(name) + 1)}
}

func address(n int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)})
}

// pair makes both halves of a connection between two workloads, which have addresses by their numbers.
func pair(cookie uint64, client, server int, counters model.Counters, change func(client, server *model.Flow)) []model.Flow {
	from := netip.AddrPortFrom(address(client), 40000+uint16(cookie%20000))
	to := netip.AddrPortFrom(address(server), 80)
	c := model.Flow{
		Cookie: 2 * cookie, Endpoint: who(fmt.Sprintf("w%d", client)), Local: from, Remote: to, Role: model.RoleClient,
		Opened: true, Established: true, Start: begin, Delta: counters, SmoothedRTT: 2 * time.Millisecond, Handshake: time.Millisecond,
	}
	s := model.Flow{
		Cookie: 2*cookie + 1, Endpoint: who(fmt.Sprintf("w%d", server)), Local: to, Remote: from, Role: model.RoleServer,
		Established: true, Start: begin, SmoothedRTT: 20 * time.Millisecond,
		Delta: model.Counters{
			SentBytes: counters.ReceivedBytes, ReceivedBytes: counters.SentBytes,
			SentSegments: counters.ReceivedSegments, ReceivedSegments: counters.SentSegments,
		},
	}
	if change != nil {
		change(&c, &s)
	}
	return []model.Flow{c, s}
}
