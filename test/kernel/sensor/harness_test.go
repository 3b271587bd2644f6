// SPDX-License-Identifier: Apache-2.0

package sensor_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/aeolus-ebpf/aeolus/internal/kernel/feature"
	"github.com/aeolus-ebpf/aeolus/internal/loss"
	"github.com/aeolus-ebpf/aeolus/internal/model"
	"github.com/aeolus-ebpf/aeolus/internal/netlink"
	"github.com/aeolus-ebpf/aeolus/internal/sensor"
	"github.com/aeolus-ebpf/aeolus/internal/sensor/tcp"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// sensors are all that are shipped. TestSensors_allHere, one directory up, compares it with the source tree.
var sensors = map[string]func(sensor.Settings) (sensor.Sensor, error){
	tcp.Name: tcp.New,
}

// needs are the features without which a sensor cannot run at all.
var needs = map[string][]string{
	tcp.Name: {feature.BTF, feature.TypedTracepoint, feature.RingBuffer, feature.TaskFileWalk},
}

// wants are the features without which it runs with less.
var wants = map[string][]string{
	tcp.Name: {
		feature.SocketStorage, feature.SocketStorageWalk, feature.SocketCookie, feature.SocketFromFile, feature.Atomics,
	},
}

// lacking names what this kernel does not have of some features.
func lacking(t *testing.T, names []string) []string {
	testkit.RequireRoot(t)
	features := feature.Probe(t.Context(), feature.Config{})
	var missing []string
	for _, name := range names {
		if feature.Find(features, name).Verdict != feature.Yes {
			missing = append(missing, name)
		}
	}
	return missing
}

// watch is a sensor at work, and everything that it has reported.
type watch struct {
	// test is the one that started it. Namespaces live until it ends: the kernel would give their numbers to others, and
	// connections of two namespaces would look like those of one.
	test   *testing.T
	state  sensor.State
	ledger *loss.Ledger
	stop   func()

	mutex       sync.Mutex
	events      []sensor.Event
	connections map[uint64]model.Connection // the latest snapshot of each, by cookie
	listeners   []model.Listener
}

// Event implements sensor.Sink.
func (w *watch) Event(event sensor.Event) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.events = append(w.events, event)
}

// Connections implements sensor.Sink.
func (w *watch) Connections(connections []model.Connection) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	for _, connection := range connections {
		if connection.Taken >= w.connections[connection.Cookie].Taken {
			w.connections[connection.Cookie] = connection
		}
	}
}

// Listeners implements sensor.Sink.
func (w *watch) Listeners(listeners []model.Listener) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.listeners = append(w.listeners, listeners...)
}

// Walked implements sensor.Sink.
func (w *watch) Walked(uint64) {}

// settings are what an agent would give.
func settings(t *testing.T, ledger *loss.Ledger) sensor.Settings {
	features := feature.Probe(t.Context(), feature.Config{})
	return sensor.Settings{
		Cgroup2Root: feature.Find(features, feature.Cgroup2).Detail,
		Ledger:      ledger,
		Logger:      slog.New(slog.NewTextHandler(os.Stderr, nil)),
	}
}

// readyLimit is generous: verifying takes many times longer under emulation.
const readyLimit = 60 * time.Second

// observe starts a sensor, or skips the test where the kernel cannot run it.
func observe(t *testing.T, name string) *watch {
	t.Helper()
	return observeWithin(t, name, sensor.Scope{})
}

func observeWithin(t *testing.T, name string, scope sensor.Scope) *watch {
	t.Helper()
	if missing := lacking(t, needs[name]); len(missing) > 0 {
		t.Skipf("this kernel lacks %s", strings.Join(missing, ", "))
	}
	w := &watch{test: t, ledger: loss.NewLedger(), connections: map[uint64]model.Connection{}}
	given := settings(t, w.ledger)
	given.Scope = scope
	made, err := sensors[name](given)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ready := make(chan sensor.State, 1)
	ended := make(chan error, 1)
	go func() { ended <- made.Run(ctx, w, func(state sensor.State) { ready <- state }) }()
	w.stop = sync.OnceFunc(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	t.Cleanup(w.stop)
	select {
	case w.state = <-ready:
	case err := <-ended:
		ended <- nil
		require.NoError(t, err, "the sensor ended before it was ready")
	case <-time.After(readyLimit):
		t.Fatalf("the sensor is not ready after %s", readyLimit)
	}
	return w
}

// in returns the latest snapshots of the connections of one namespace for which a condition holds.
func (w *watch) in(ns *netlink.Namespace, holds func(model.Connection) bool) []model.Connection {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	var found []model.Connection
	for _, connection := range w.connections {
		if connection.Owner.NetNS == ns.Inode() && holds(connection) {
			found = append(found, connection)
		}
	}
	return found
}

// closed finds the last word on one half of a connection.
func (w *watch) closed(t *testing.T, ns *netlink.Namespace, role model.Role, server netip.AddrPort) model.Connection {
	t.Helper()
	var found []model.Connection
	testkit.Eventually(t, 20*time.Second, func() string {
		found = w.in(ns, func(c model.Connection) bool {
			there := c.Remote
			if role == model.RoleServer {
				there = c.Local
			}
			return c.Role == role && there == server && c.Phase == model.PhaseClosed
		})
		if len(found) == 0 {
			all := w.in(ns, func(model.Connection) bool { return true })
			return fmt.Sprintf("no closed %s half of a connection to %s among %+v", role, server, all)
		}
		return ""
	})
	require.Len(t, found, 1)
	return found[0]
}

// event waits for an event of a kind whose connection went to, or came in at, an address.
func (w *watch) event(t *testing.T, kind model.EventKind, server netip.AddrPort) sensor.Event {
	t.Helper()
	var found sensor.Event
	testkit.Eventually(t, 20*time.Second, func() string {
		w.mutex.Lock()
		defer w.mutex.Unlock()
		for _, event := range w.events {
			if event.Kind == kind && (event.Conn.Remote == server || event.Conn.Local == server) {
				found = event
				return ""
			}
		}
		return "no " + string(kind) + " for " + server.String()
	})
	return found
}

// requireNothingLost holds the ledger to zero: none of these tests comes near a limit. A run that the kernel skips because
// it would be nested is no limit's doing: an emulated machine skips one now and then, and another run makes up for it.
func (w *watch) requireNothingLost(t *testing.T) {
	t.Helper()
	for _, count := range w.ledger.Counts() {
		require.Zero(t, count.Lost()-count.Dropped["nested-run"], "%+v", count)
	}
}
