// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/aeolus-ebpf/aeolus/internal/model"
	"github.com/aeolus-ebpf/aeolus/internal/sensor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeHost stands in for a machine.
type fakeHost struct {
	mu        sync.Mutex
	endpoints map[model.Owner]*model.Endpoint
	sensors   []*fakeSensor
	running   atomic.Int32
	// refuse makes every construction fail; crash makes every run fail once it is ready.
	refuse, crash atomic.Bool
	// broken makes what is asked once a second panic.
	broken  atomic.Bool
	missing []string
	began   time.Time
}

func newFakeHost() *fakeHost {
	return &fakeHost{endpoints: map[model.Owner]*model.Endpoint{}, began: time.Now()}
}

func (h *fakeHost) host() *Host {
	return &Host{
		Resolver: h, Monotonic: h.monotonic, Kernel: "6.6.6", Architecture: "z80",
		Sensors: map[string]func(sensor.Settings) (sensor.Sensor, error){"fake": h.make, "tcp": h.make},
		Features: func(context.Context) []Feature {
			return []Feature{{Name: "hook", Verdict: "yes"}, {Name: "other", Verdict: "no", Err: "not \xff supported", Without: "Nothing."}}
		},
	}
}

func (h *fakeHost) monotonic() uint64 { return uint64(time.Since(h.began)) + uint64(time.Hour) }

func (h *fakeHost) Run(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

func (h *fakeHost) Addresses() []model.AddressOwner {
	if h.broken.Load() {
		panic("oh")
	}
	return []model.AddressOwner{{Address: netip.MustParseAddr("10.1.1.1"), NetNS: 7}}
}

func (h *fakeHost) Locate(netip.Addr) bool { return false }

func (h *fakeHost) Resolve(owner model.Owner) *model.Endpoint {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.endpoints[owner] == nil {
		h.endpoints[owner] = &model.Endpoint{Workload: fmt.Sprintf("w%d", owner.PID), Kind: model.KindProcess, Node: "n", PID: owner.PID}
	}
	return h.endpoints[owner]
}

func (h *fakeHost) make(settings sensor.Settings) (sensor.Sensor, error) {
	if h.refuse.Load() {
		return nil, errors.New("not on this kernel")
	}
	made := &fakeSensor{host: h, settings: settings, sink: make(chan sensor.Sink, 1), missing: h.missing}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.sensors = append(h.sensors, made)
	return made, nil
}

// last waits for the n-th sensor to run and gives its sink.
func (h *fakeHost) last(t *testing.T, n int) (*fakeSensor, sensor.Sink) {
	t.Helper()
	var found *fakeSensor
	require.Eventually(t, func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		if len(h.sensors) >= n {
			found = h.sensors[n-1]
		}
		return found != nil
	}, 10*time.Second, time.Millisecond)
	select {
	case sink := <-found.sink:
		return found, sink
	case <-time.After(10 * time.Second):
		t.Fatal("the sensor does not run")
		return nil, nil
	}
}

type fakeSensor struct {
	host     *fakeHost
	settings sensor.Settings
	sink     chan sensor.Sink
	missing  []string
}

func (*fakeSensor) Name() string { return "fake" }

func (*fakeSensor) Cost() sensor.Cost { return sensor.Cost{Runs: 3, Time: 4, Memory: 5} }

func (s *fakeSensor) Run(ctx context.Context, sink sensor.Sink, ready func(sensor.State)) error {
	if s.host.running.Add(1) > 1 {
		panic("two sensors run at once")
	}
	defer s.host.running.Add(-1)
	ready(sensor.State{Missing: s.missing})
	s.sink <- sink
	if s.host.crash.Load() {
		return errors.New("the ring is gone")
	}
	<-ctx.Done()
	return nil
}

func snapshot(cookie uint64, phase model.Phase, sent uint64, taken uint64) model.Connection {
	c := model.Connection{
		Cookie: cookie, Phase: phase, Role: model.RoleClient, Owner: model.Owner{Kind: model.OwnerCgroup2, ID: 7, PID: 42},
		Local: netip.MustParseAddrPort("10.0.0.1:40000"), Remote: netip.MustParseAddrPort("10.0.0.2:80"),
		Opened: taken, Taken: taken, Counters: model.Counters{SentBytes: sent},
	}
	if phase == model.PhaseClosed {
		c.Closed = taken
	}
	return c
}

func refused(cookie, taken uint64) sensor.Event {
	c := snapshot(cookie, model.PhaseClosed, 0, taken)
	c.Errno, c.Failure = 111, model.FailureRefused
	return sensor.Event{Kind: model.EventRefused, Conn: c, Read: taken + 10_000}
}
