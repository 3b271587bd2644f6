// SPDX-License-Identifier: Apache-2.0

package tcp

import (
	"context"
	"flag"
	"log/slog"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/aeolus-ebpf/aeolus/internal/loss"
	"github.com/aeolus-ebpf/aeolus/internal/model"
	"github.com/aeolus-ebpf/aeolus/internal/sensor"
)

// onlyOlder is also set by TestOlder, which runs the tests that matter most with the object for older kernels.
var onlyOlder = flag.Bool("older", false, "run every test with the object for older kernels")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// recorder is a sink that keeps everything.
type recorder struct {
	mu        sync.Mutex
	events    []sensor.Event
	conns     []model.Connection
	listeners []model.Listener
	walks     int
	// gate is locked by a test that stops the readers.
	gate sync.RWMutex
}

func (r *recorder) hold() {
	r.gate.RLock()
	defer r.gate.RUnlock()
}

func (r *recorder) Event(e sensor.Event) {
	r.hold()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
}

func (r *recorder) Connections(conns []model.Connection) {
	r.hold()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.conns = append(r.conns, conns...)
}

func (r *recorder) Listeners(listeners []model.Listener) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.listeners = append(r.listeners, listeners...)
}

func (r *recorder) Walked(uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.walks++
}

// started is a sensor that runs.
type started struct {
	*recorder
	sensor sensor.Sensor
	ledger *loss.Ledger
	state  sensor.State
	stop   func()
}

// start runs a sensor until the test ends, or stop is called.
func start(t *testing.T, settings sensor.Settings) *started {
	t.Helper()
	return startWith(t, settings, &recorder{})
}

func startWith(t *testing.T, settings sensor.Settings, sink *recorder) *started {
	t.Helper()
	if *onlyOlder {
		return startObject(t, settings, sink, older)
	}
	return startObject(t, settings, sink, newer)
}

// startObject runs one of the two objects.
func startObject(t *testing.T, settings sensor.Settings, sink *recorder, first object) *started {
	t.Helper()
	settings.Ledger = loss.NewLedger()
	settings.Logger = slog.New(slog.NewTextHandler(os.Stderr, nil))
	if settings.Cgroup2Root == "" {
		settings.Cgroup2Root = cgroup2Root(t)
	}
	s, err := New(settings)
	require.NoError(t, err)
	s.(*tcpSensor).first = first
	run := &started{recorder: sink, sensor: s, ledger: settings.Ledger}
	ctx, cancel := context.WithCancel(context.Background())
	ready := make(chan sensor.State, 1)
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx, sink, func(state sensor.State) { ready <- state }) }()
	run.stop = sync.OnceFunc(func() {
		cancel()
		assert.NoError(t, <-ended)
	})
	t.Cleanup(run.stop)
	select {
	case run.state = <-ready:
	case err := <-ended:
		ended <- nil
		require.NoError(t, err)
	case <-time.After(30 * time.Second):
		t.Fatal("the sensor is not ready after 30 s")
	}
	return run
}

// lost is what is missing beyond what the object under test lacks on every kernel.
func (s *started) lost() []string {
	return slices.DeleteFunc(slices.Clone(s.state.Missing), func(sentence string) bool {
		return slices.Contains(older.missing, sentence)
	})
}

func cgroup2Root(t *testing.T) string {
	t.Helper()
	for _, root := range []string{"/sys/fs/cgroup/unified", "/sys/fs/cgroup"} {
		if _, err := os.Stat(root + "/cgroup.controllers"); err == nil {
			return root
		}
	}
	return ""
}
