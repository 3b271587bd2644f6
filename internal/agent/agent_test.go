// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	controlv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/control/v1"
	flowv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/flow/v1"
	"github.com/aeolus-ebpf/aeolus/internal/assign"
	"github.com/aeolus-ebpf/aeolus/internal/defect"
	"github.com/aeolus-ebpf/aeolus/internal/loss"
	"github.com/aeolus-ebpf/aeolus/internal/model"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

const patience = 15 * time.Second

// bench is an agent on a fake host that reports to a real port.
type bench struct {
	t        *testing.T
	trust    trust
	host     *fakeHost
	receiver *receiver
	address  string
	stop     func()
	agent    *Agent
	end      func() error
}

func newBench(t *testing.T, change func(*bench, *Config)) *bench {
	t.Helper()
	b := &bench{t: t, trust: newTrust(t, "n"), host: newFakeHost(), receiver: newReceiver()}
	config := Config{
		Node: "n", TLS: b.trust.agent, Interval: 10 * time.Millisecond, Host: b.host.host(),
		Defaults: []assign.Assignment{{ID: "default/fake", Owner: "default", Sensor: assign.Sensor{Name: "fake"}}},
		Logger:   slog.New(slog.NewTextHandler(t.Output(), nil)),
	}
	if change != nil {
		change(b, &config)
	}
	b.address, b.stop = b.receiver.serve(t, "127.0.0.1:0", b.trust.server)
	config.Controller = b.address
	made, err := New(config)
	require.NoError(t, err)
	b.agent = made
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- made.Run(ctx) }()
	over := false
	b.end = func() error {
		if over {
			return nil
		}
		over = true
		cancel()
		return <-ended
	}
	t.Cleanup(func() { require.NoError(t, b.end()) })
	return b
}

// restart lets a controller listen where the last one did.
func (b *bench) restart() {
	_, b.stop = b.receiver.serve(b.t, b.address, b.trust.server)
}

func (b *bench) count(stage string) loss.Count {
	for _, count := range b.agent.ledger.Counts() {
		if count.Stage == stage {
			return count
		}
	}
	return loss.Count{}
}

// balance holds in every stage that what came in has left, was dropped, or is held. The agent has ended.
func (b *bench) balance() {
	held := map[string]uint64{
		"connections": uint64(b.agent.pipeline.table.Len()), "flow-export": b.agent.flows.Held(), "event-export": b.agent.events.Held(),
		"listeners": uint64(len(b.agent.pipeline.table.Bound())),
	}
	for _, stage := range []string{"connections", "flow-export", "event-export", "listeners"} {
		count := b.count(stage)
		require.Equal(b.t, count.In, count.Out+count.Lost()+held[stage], "stage %s: %+v held %d", stage, count, held[stage])
	}
}

func (b *bench) await(what string, holds func() bool) {
	b.t.Helper()
	testkit.Eventually(b.t, patience, func() string {
		if holds() {
			return ""
		}
		return what
	})
}

func sent(flows []model.Flow) (sum uint64) {
	for _, flow := range flows {
		sum += flow.Delta.SentBytes
	}
	return sum
}

func TestAgent_reports(t *testing.T) {
	b := newBench(t, nil)
	_, sink := b.host.last(t, 1)
	now := b.host.monotonic()
	sink.Connections([]model.Connection{snapshot(1, model.PhaseClosed, 777, now)})
	sink.Listeners([]model.Listener{{Cookie: 9, Local: snapshot(1, 1, 0, 0).Local, Owner: model.Owner{PID: 5}}})
	sink.Event(refused(2, now))
	b.await("one row", func() bool { return len(b.receiver.flows()) == 1 })
	b.await("one event", func() bool { return len(b.receiver.gotEvents()) == 1 })
	b.await("a listener", func() bool {
		b.receiver.mu.Lock()
		defer b.receiver.mu.Unlock()
		for _, batch := range b.receiver.batches {
			if len(batch.Listeners) == 1 && batch.Listeners[0].Endpoint.Workload == "w5" {
				return true
			}
		}
		return false
	})
	flow, event := b.receiver.flows()[0], b.receiver.gotEvents()[0]
	require.Equal(t, "w42", flow.Endpoint.Workload)
	require.True(t, flow.Opened && flow.Closed)
	require.Equal(t, b.agent.id+"-1", event.ID)
	require.Equal(t, uint16(111), event.Errno)
	require.Equal(t, uint8(1), event.Attempt)
	require.Equal(t, 10*time.Microsecond, event.Received.Sub(event.Time))
	require.WithinDuration(t, time.Now(), event.Time, time.Minute)
	require.Equal(t, "w42", event.Endpoint.Workload)

	b.receiver.mu.Lock()
	hello, batch := b.receiver.hellos[0], b.receiver.batches[0]
	for i, batch := range b.receiver.batches {
		require.Equal(t, uint64(i+1), batch.Sequence)
	}
	b.receiver.mu.Unlock()
	require.Len(t, batch.Addresses, 1)
	require.Equal(t, "n", hello.Node)
	require.Equal(t, "host", hello.Scope)
	require.Equal(t, controlv1.Feature_VERDICT_NO, hello.Features[1].Verdict)
	require.NoError(t, b.end())
	b.balance()
}

func TestAgent_lastWords(t *testing.T) {
	b := newBench(t, func(_ *bench, c *Config) { c.Interval = time.Minute })
	_, sink := b.host.last(t, 1)
	b.await("attached", func() bool { generation, s := b.receiver.statuses(); return generation == 0 && s != nil })
	sink.Connections([]model.Connection{snapshot(1, model.PhaseClosed, 777, b.host.monotonic())})
	began := time.Now()
	require.NoError(t, b.end())
	require.Less(t, time.Since(began), 10*time.Second)
	require.Equal(t, uint64(777), sent(b.receiver.flows()), "what was seen last is sent before the end")
	require.Zero(t, b.host.running.Load())
	b.balance()
}

// TestAgent_controllerDown holds that while nobody answers the backlog is bounded, what goes is counted, and the rest
// arrives when the controller is back.
func TestAgent_controllerDown(t *testing.T) {
	b := newBench(t, func(_ *bench, c *Config) { c.Batches, c.Events = 5, 8 })
	_, sink := b.host.last(t, 1)
	b.await("attached", func() bool { _, s := b.receiver.statuses(); return s != nil })
	b.stop()
	for n := range uint64(30) {
		now := b.host.monotonic()
		sink.Connections([]model.Connection{snapshot(100+n, model.PhaseClosed, 10, now)})
		sink.Event(refused(100+n, now))
		b.await("the row is on its way", func() bool { return b.count("flow-export").In > n })
		require.LessOrEqual(t, b.agent.events.Held(), uint64(8+commitUnderWay))
	}
	b.await("batches are dropped", func() bool { return b.count("flow-export").Dropped["backlog-full"] > 0 })
	require.Positive(t, b.count("event-export").Dropped["backlog-full"])
	require.Zero(t, b.host.running.Load()-1, "what is assigned goes on without a controller")
	b.restart()
	sink.Connections([]model.Connection{snapshot(999, model.PhaseClosed, 5, b.host.monotonic())})
	b.await("the new row arrives", func() bool {
		flows := b.receiver.flows()
		return len(flows) > 0 && flows[len(flows)-1].Cookie == 999
	})
	b.await("the backlog is sent", func() bool { return b.agent.flows.Held() == 0 && b.agent.events.Held() == 0 })
	b.await("it attaches again", func() bool {
		b.receiver.mu.Lock()
		defer b.receiver.mu.Unlock()
		return len(b.receiver.hellos) >= 2
	})
	require.NoError(t, b.end())
	b.balance()
	rows := b.count("flow-export")
	require.Equal(t, rows.Out, uint64(len(b.receiver.flows())), "what counts as sent has arrived")
	require.Equal(t, b.count("event-export").Out, uint64(len(b.receiver.gotEvents())))
}

// commitUnderWay is how many events may be under way beside those that wait.
const commitUnderWay = 8

// TestAgent_controllerSlow holds that an answer that is late, or lost, makes the same batch come again under its number.
func TestAgent_controllerSlow(t *testing.T) {
	tries := map[uint64]int{}
	b := newBench(t, func(b *bench, _ *Config) {
		b.receiver.answer = func(_ context.Context, batch *flowv1.Batch) (*flowv1.ExportResponse, error) {
			b.receiver.mu.Lock()
			defer b.receiver.mu.Unlock()
			tries[batch.Sequence]++
			switch {
			case batch.Sequence%3 == 0 && tries[batch.Sequence] < 3:
				return nil, status.Error(codes.Unavailable, "busy")
			case batch.Sequence == 4:
				return nil, status.Error(codes.InvalidArgument, "never")
			}
			return &flowv1.ExportResponse{Rejected: rejectOne(batch)}, nil
		}
	})
	_, sink := b.host.last(t, 1)
	for n := range uint64(20) {
		sink.Connections([]model.Connection{snapshot(n+1, model.PhaseClosed, 10, b.host.monotonic())})
		b.await("the row is on its way", func() bool { return b.count("flow-export").In > n })
	}
	b.await("everything is answered", func() bool { return b.agent.flows.Held() == 0 })
	require.NoError(t, b.end())
	b.balance()
	b.receiver.mu.Lock()
	defer b.receiver.mu.Unlock()
	require.Equal(t, 3, tries[3])
	require.Equal(t, 1, tries[4], "what will never do is not sent again")
	count := b.count("flow-export")
	require.Equal(t, uint64(1), count.Dropped["rejected"])
}

// rejectOne rejects one row of the batch that has cookie 7.
func rejectOne(batch *flowv1.Batch) []*flowv1.LossCount {
	for _, cookie := range batch.GetRows().GetCookie() {
		if cookie == 7 {
			return []*flowv1.LossCount{{Reason: "test", Count: 1}}
		}
	}
	return nil
}

func TestAgent_eventsTravelTogether(t *testing.T) {
	release := make(chan struct{})
	var sizes []int
	b := newBench(t, func(b *bench, _ *Config) {
		b.receiver.answerEvents = func(_ context.Context, n int) error {
			b.receiver.mu.Lock()
			sizes = append(sizes, n)
			first := len(sizes) == 1
			b.receiver.mu.Unlock()
			if first {
				<-release
			}
			return nil
		}
	})
	_, sink := b.host.last(t, 1)
	sink.Event(refused(1, b.host.monotonic()))
	b.await("the first leaves at once", func() bool {
		b.receiver.mu.Lock()
		defer b.receiver.mu.Unlock()
		return len(sizes) == 1
	})
	for n := range uint64(50) {
		sink.Event(refused(n+2, b.host.monotonic()))
	}
	close(release)
	b.await("all arrive", func() bool { return len(b.receiver.gotEvents()) == 51 })
	require.Equal(t, []int{1, 50}, sizes, "what arrives meanwhile leaves together")
	for i, event := range b.receiver.gotEvents() {
		require.Equal(t, fmt.Sprintf("%s-%d", b.agent.id, i+1), event.ID)
	}
}

// TestAgent_panic ends in order: no sensor stays behind.
func TestAgent_panic(t *testing.T) {
	b := newBench(t, nil)
	b.host.last(t, 1)
	b.host.broken.Store(true)
	b.await("the end of the sensor", func() bool { return b.host.running.Load() == 0 })
	require.ErrorIs(t, b.end(), defect.ErrPanic)
}

func TestAgent_ownTraffic(t *testing.T) {
	b := newBench(t, nil)
	_, sink := b.host.last(t, 1)
	c := snapshot(1, model.PhaseEstablished, 10, b.host.monotonic())
	c.Remote = mustAddrPort(b.address)
	sink.Connections([]model.Connection{c, snapshot(2, model.PhaseEstablished, 10, b.host.monotonic())})
	b.await("two rows", func() bool { return len(b.receiver.flows()) == 2 })
	for _, flow := range b.receiver.flows() {
		require.Equal(t, flow.Cookie == 1, flow.Own)
	}
}

func TestNew_mistakes(t *testing.T) {
	good := func() Config {
		return Config{Node: "n", Controller: "127.0.0.1:1", TLS: newTrust(t, "n").agent, Host: newFakeHost().host()}
	}
	for says, spoil := range map[string]func(*Config){
		"node's name":               func(c *Config) { c.Node = "" },
		"host:port":                 func(c *Config) { c.Controller = "here" },
		"needs TLS":                 func(c *Config) { c.TLS = nil },
		"between 10ms and 1m":       func(c *Config) { c.Interval = time.Hour },
		"not 1ms":                   func(c *Config) { c.Interval = time.Millisecond },
		"bound on events":           func(c *Config) { c.Events = -1 },
		"bound on batch bytes":      func(c *Config) { c.BatchBytes = 1 },
		"bound on connections must": func(c *Config) { c.Connections = 1 << 30 },
	} {
		config := good()
		spoil(&config)
		_, err := New(config)
		require.ErrorContains(t, err, says)
		require.True(t, strings.HasPrefix(err.Error(), "configuring the agent: "))
	}
}
