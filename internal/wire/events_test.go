// SPDX-License-Identifier: Apache-2.0

package wire_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	"google.golang.org/protobuf/proto"

	"github.com/aeolus-ebpf/aeolus/internal/model"
	"github.com/aeolus-ebpf/aeolus/internal/names"
	"github.com/aeolus-ebpf/aeolus/internal/wire"
)

var reporter = wire.Reporter{Node: "node-1", AgentID: "0123456789abcdef", Version: "1.2.3"}

func TestEventsRoundTrip(t *testing.T) {
	for seed := range uint64(50) {
		g := newGenerator(seed)
		var want []model.Event
		for n := range 1 + g.IntN(30) {
			want = append(want, g.event(n))
		}
		encoded, err := proto.Marshal(&logspb.LogsData{ResourceLogs: wire.EventsToOTLP(reporter, want)})
		require.NoError(t, err)
		var message logspb.LogsData
		require.NoError(t, proto.Unmarshal(encoded, &message))
		got, rejected, err := wire.EventsFromOTLP(message.ResourceLogs, nil)
		require.NoError(t, err)
		require.Empty(t, rejected)
		require.Equal(t, want, got, "seed %d", seed)
	}
}

func TestEventAttributesAreInTheTable(t *testing.T) {
	known := map[string]bool{}
	for _, attribute := range names.Attributes() {
		known[attribute.Name] = true
	}
	g := newGenerator(9)
	for n := range 100 {
		for _, resource := range wire.EventsToOTLP(reporter, []model.Event{g.event(n)}) {
			for _, attribute := range append(resource.Resource.Attributes, resource.ScopeLogs[0].LogRecords[0].Attributes...) {
				require.True(t, known[attribute.Key], "%s is not in the table of names", attribute.Key)
			}
		}
	}
}

func TestTooManyEventsAreRejectedWhole(t *testing.T) {
	g := newGenerator(1)
	message := wire.EventsToOTLP(reporter, []model.Event{g.event(1), g.event(2)})
	_, _, err := wire.EventsFromOTLP(message, &wire.DecodeLimits{Events: 1})
	require.ErrorIs(t, err, wire.ErrBadEvents)
}

func TestBadEventIsRejectedAlone(t *testing.T) {
	text := func(s string) *commonpb.AnyValue {
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: s}}
	}
	number := func(n int64) *commonpb.AnyValue {
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_IntValue{IntValue: n}}
	}
	for name, test := range map[string]struct {
		reason string
		spoil  func(*logspb.LogRecord)
	}{
		"kind":          {"event-unknown", func(r *logspb.LogRecord) { r.EventName = "lunch" }},
		"no time":       {"time-out-of-range", func(r *logspb.LogRecord) { r.TimeUnixNano = 0 }},
		"late":          {"time-out-of-range", func(r *logspb.LogRecord) { r.ObservedTimeUnixNano = 1 << 63 }},
		"no id":         {"id-missing", func(r *logspb.LogRecord) { set(r, names.RecordID, text("")) }},
		"role":          {"role-unknown", func(r *logspb.LogRecord) { set(r, names.Role, text("waiter")) }},
		"errno":         {"attribute-out-of-range", func(r *logspb.LogRecord) { set(r, names.Errno, number(1<<16)) }},
		"negative":      {"attribute-out-of-range", func(r *logspb.LogRecord) { set(r, names.Attempt, number(-1)) }},
		"type":          {"attribute-type", func(r *logspb.LogRecord) { set(r, names.Cookie, text("one")) }},
		"empty value":   {"attribute-type", func(r *logspb.LogRecord) { set(r, names.OwnTraffic, nil) }},
		"too long":      {"attribute-too-long", func(r *logspb.LogRecord) { set(r, names.RecordID, text(strings.Repeat("x", 257))) }},
		"address":       {"address-malformed", func(r *logspb.LogRecord) { set(r, names.Source().Address, text("here")) }},
		"zone":          {"address-malformed", func(r *logspb.LogRecord) { set(r, names.Source().Address, text("fe80::1%eth0")) }},
		"workload kind": {"endpoint-kind-unknown", func(r *logspb.LogRecord) { set(r, names.Source().WorkloadKind, text("moon")) }},
		"evidence":      {"endpoint-evidence-unknown", func(r *logspb.LogRecord) { set(r, names.Source().Evidence, evidence("guess")) }},
		"twice":         {"attribute-twice", func(r *logspb.LogRecord) { r.Attributes = append(r.Attributes, r.Attributes[0]) }},
		"too many":      {"attributes-too-many", func(r *logspb.LogRecord) { r.Attributes = make([]*commonpb.KeyValue, wire.MaxAttributes+1) }},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGenerator(4)
			first, second := g.event(1), g.event(2)
			first.Role = model.RoleClient
			message := wire.EventsToOTLP(reporter, []model.Event{first, second})
			test.spoil(message[0].ScopeLogs[0].LogRecords[0])
			got, rejected, err := wire.EventsFromOTLP(message, nil)
			require.NoError(t, err)
			require.Equal(t, []wire.Rejected{{Reason: test.reason, Count: 1}}, rejected)
			require.Equal(t, []model.Event{second}, got)
		})
	}
}

func TestEventsOfNoNodeAreRejected(t *testing.T) {
	g := newGenerator(4)
	message := wire.EventsToOTLP(wire.Reporter{}, []model.Event{g.event(1), g.event(2)})
	got, rejected, err := wire.EventsFromOTLP(message, nil)
	require.NoError(t, err)
	require.Empty(t, got)
	require.Equal(t, []wire.Rejected{{Reason: "node-missing", Count: 2}}, rejected)
}

func evidence(word string) *commonpb.AnyValue {
	value := &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: word}}
	return &commonpb.AnyValue{Value: &commonpb.AnyValue_KvlistValue{KvlistValue: &commonpb.KeyValueList{
		Values: []*commonpb.KeyValue{{Key: "workload", Value: value}},
	}}}
}

func set(record *logspb.LogRecord, name string, value *commonpb.AnyValue) {
	for _, attribute := range record.Attributes {
		if attribute.Key == name {
			attribute.Value = value
			return
		}
	}
	record.Attributes = append(record.Attributes, &commonpb.KeyValue{Key: name, Value: value})
}
