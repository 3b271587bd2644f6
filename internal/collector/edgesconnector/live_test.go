// SPDX-License-Identifier: Apache-2.0

package edgesconnector

import (
	"context"
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap/confmaptest"
	"go.opentelemetry.io/collector/connector/connectortest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/aeolus-ebpf/aeolus/internal/model"
	"github.com/aeolus-ebpf/aeolus/internal/names"
)

type (
	ctx     = context.Context
	metrics = pmetric.Metrics
)

func refused(i int, at time.Time) model.Event {
	return model.Event{
		ID: fmt.Sprintf("agent-1-%d", i), Kind: model.EventRefused, Node: "n1", Time: at, Role: model.RoleClient, Endpoint: who("w1"),
		Local: netip.AddrPortFrom(address(1), 40000+uint16(i%20000)), Remote: netip.AddrPortFrom(address(2), 80),
	}
}

func TestFactory_lifecycle(t *testing.T) {
	factory := NewFactory()
	require.Equal(t, "aeolus_edges", factory.Type().String())
	config := factory.CreateDefaultConfig()
	require.NoError(t, componenttest.CheckConfigStruct(config))
	made, err := factory.CreateLogsToMetrics(context.Background(), connectortest.NewNopSettings(Type), config, consumertest.NewNop())
	require.NoError(t, err)
	require.NoError(t, made.Shutdown(context.Background()), "it was never started")
	for range 2 {
		require.NoError(t, made.Start(context.Background(), componenttest.NewNopHost()))
		require.NoError(t, made.ConsumeLogs(context.Background(), plog.NewLogs()))
		require.NoError(t, made.Shutdown(context.Background()))
	}
	require.NoError(t, made.Shutdown(context.Background()))
}

func TestConfig_read(t *testing.T) {
	read, err := confmaptest.LoadConf(filepath.Join("testdata", "config.yaml"))
	require.NoError(t, err)
	for name, want := range map[string]string{
		"aeolus_edges": "", "aeolus_edges/all": "",
		"aeolus_edges/preset": `there is no preset "hubble"`, "aeolus_edges/none": "at least one preset",
		"aeolus_edges/twice": "stands twice", "aeolus_edges/bounds": "max_edges: 0 is not between",
		"aeolus_edges/times": "heartbeat: 500ms is shorter",
	} {
		part, err := read.Sub(name)
		require.NoError(t, err)
		config := defaultConfig().(*Config)
		require.NoError(t, part.Unmarshal(config), name)
		if err := config.Validate(); want == "" {
			require.NoError(t, err, name)
		} else {
			require.ErrorContains(t, err, want, name)
		}
	}
}

// slow is a consumer that takes as long as the test wants.
type slow struct {
	mu      sync.Mutex
	sink    consumertest.MetricsSink
	taken   chan struct{}
	release chan struct{}
}

func (s *slow) ConsumeMetrics(ctx ctx, metrics metrics) error {
	s.taken <- struct{}{}
	<-s.release
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sink.ConsumeMetrics(ctx, metrics)
}

// TestEvents_leaveAtOnce: the first event is not waited with, and what comes while it is on its way goes along with the
// next, without a timer: the interval of this connector is an hour.
func TestEvents_leaveAtOnce(t *testing.T) {
	next := &slow{taken: make(chan struct{}), release: make(chan struct{}, 100)}
	config := defaultConfig().(*Config)
	config.Interval, config.Heartbeat, config.Expire = time.Hour, time.Hour, 2*time.Hour
	c := newConnector(params{config: config, next: capable{next}, instance: "here"})
	begin := time.Now().Add(-time.Second)
	// Everything that is due at the start is taken for given.
	c.nextInterval = time.Now().Add(time.Hour)
	require.NoError(t, c.Start(context.Background(), nil))
	require.NoError(t, c.ConsumeLogs(context.Background(), logsOf(t, &model.Batch{Sequence: 1, Taken: time.Now()})))
	require.NoError(t, c.ConsumeLogs(context.Background(), eventsOf(t, []model.Event{refused(1, begin)})))
	<-next.taken
	for i := range 50 {
		require.NoError(t, c.ConsumeLogs(context.Background(), eventsOf(t, []model.Event{refused(2+i, begin.Add(time.Duration(1+i)*time.Millisecond))})))
	}
	next.release <- struct{}{}
	<-next.taken
	next.release <- struct{}{}
	recorder := newRecorder(t)
	require.Eventually(t, func() bool {
		next.mu.Lock()
		defer next.mu.Unlock()
		return len(next.sink.AllMetrics()) == 2
	}, 10*time.Second, time.Millisecond)
	for _, m := range next.sink.AllMetrics() {
		recorder.take(m)
	}
	require.Equal(t, 51.0, recorder.total("aeolus_events_total"))
	for key, ids := range recorder.exemplars {
		require.True(t, strings.HasPrefix(key, "aeolus_events_total"))
		require.Contains(t, ids, "agent-1-1")
		require.Contains(t, ids, "agent-1-51", "the newest")
		require.Len(t, ids, 1+maxExemplars)
	}
	for range 2 {
		next.release <- struct{}{}
	}
	go func() {
		for range next.taken {
		}
	}()
	require.NoError(t, c.Shutdown(context.Background()))
	close(next.taken)
}

// TestEvents_waitForTheAddressBook: an event of a node of which nothing is known yet waits for its first batch, which says
// who owns which address, but not for long.
func TestEvents_waitForTheAddressBook(t *testing.T) {
	b := newBench(t, nil)
	b.happen(refused(1, b.clock))
	b.pass(settling)
	require.Empty(t, b.recorder.live("aeolus_events_total"))
	b.batch(&model.Batch{Taken: b.clock, Addresses: []model.AddressOwner{{Address: address(2), NetNS: 3, Endpoint: who("payment")}}})
	b.pass(settling)
	require.Equal(t, 1.0, one(t, b.recorder.live(`aeolus_events_total{destination_namespace="shop",destination_workload="payment"`)))

	b = newBench(t, nil)
	b.happen(refused(1, b.clock))
	b.pass(patience + settling)
	require.Equal(t, 1.0, one(t, b.recorder.live(`aeolus_events_total{destination_workload="10.0.0.2"`)), "by its address")
}

func TestForeignLogs(t *testing.T) {
	logs := plog.NewLogs()
	records := logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	for range 3 {
		records.AppendEmpty().Body().SetStr("hello")
	}
	for _, counts := range []bool{false, true} {
		b := newBench(t, func(c *Config) { c.ForeignLogs = counts })
		require.NoError(t, b.ConsumeLogs(context.Background(), logs))
		b.pass(2 * time.Second)
		if !counts {
			require.Empty(t, b.recorder.live("aeolus_events_total"))
			continue
		}
		require.Equal(t, 3.0, one(t, b.recorder.live(`aeolus_events_total{kind="log"}`)))
	}
}

func TestBadInput_isCountedByReason(t *testing.T) {
	b := newBench(t, nil)
	logs := logsOf(t, &model.Batch{Sequence: 1, Taken: b.clock})
	logs.ResourceLogs().At(0).Resource().Attributes().PutStr(names.HostName, "elsewhere")
	record := logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().AppendEmpty()
	record.Body().SetEmptyBytes().FromRaw([]byte{0xff, 0xff})
	logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().AppendEmpty().Body().SetStr("text")
	events := eventsOf(t, []model.Event{refused(1, b.clock)})
	events.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).SetEventName("connect.eaten")
	require.NoError(t, b.ConsumeLogs(context.Background(), logs))
	require.NoError(t, b.ConsumeLogs(context.Background(), events))
	b.pass(2 * time.Second)
	for _, want := range []string{
		`reason="wrong-node",stage="edges.batches"`, `reason="malformed",stage="edges.batches"`,
		`reason="body-no-bytes",stage="edges.batches"`, `reason="event-unknown",stage="edges.events"`,
	} {
		require.Equal(t, 1.0, one(t, b.recorder.live("aeolus_collector_stage_dropped_total{"+want+"}")), want)
	}
}

// capable makes a consumer of what only consumes.
type capable struct {
	*slow
}

func (capable) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }
