// SPDX-License-Identifier: Apache-2.0

package sensor_test

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/model"
	"github.com/aeolus-ebpf/aeolus/internal/netlink"
	"github.com/aeolus-ebpf/aeolus/internal/sensor/tcp"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

// TestEverySensor_loadsWhole loads and attaches every program of every sensor: none may be left out.
func TestEverySensor_loadsWhole(t *testing.T) {
	for name := range sensors {
		t.Run(name, func(t *testing.T) {
			if missing := lacking(t, wants[name]); len(missing) > 0 {
				t.Skipf("this kernel lacks %s", strings.Join(missing, ", "))
			}
			w := observe(t, name)
			require.Empty(t, w.state.Missing)
			w.stop()
		})
	}
}

// TestEverySensor_saysWhatIsLess runs sensors where they cannot run whole: they say what is lost, in sentences.
func TestEverySensor_saysWhatIsLess(t *testing.T) {
	for name := range sensors {
		t.Run(name, func(t *testing.T) {
			if len(lacking(t, wants[name])) == 0 {
				t.Skip("this kernel has all that it wants")
			}
			w := observe(t, name)
			require.NotEmpty(t, w.state.Missing)
			for _, sentence := range w.state.Missing {
				require.Contains(t, sentence, " ")
				t.Log(sentence)
			}
			w.stop()
		})
	}
}

// TestTCP runs the scenarios under one sensor, each in a namespace of its own: under emulation, starting a sensor takes
// longer than all of them.
func TestTCP(t *testing.T) {
	w := observe(t, tcp.Name)
	for name, scenario := range map[string]func(*testing.T, *watch){
		"bytes are exact":        bytesAreExact,
		"refused":                refused,
		"reset":                  reset,
		"given up":               givenUp,
		"never sent":             neverSent,
		"agrees with the kernel": agreesWithTheKernel,
	} {
		t.Run(name, func(t *testing.T) { scenario(t, w) })
	}
	w.stop()
	w.requireNothingLost(t)
}

func bytesAreExact(t *testing.T, w *watch) {
	for family, address := range families {
		t.Run(family, func(t *testing.T) {
			ns := newNamespace(w.test)
			listener, at := listen(t, ns, address)
			client, server := pair(t, ns, listener, at)
			const up, down = 1_000_003, 70_001
			send(t, client, server, up)
			send(t, server, client, down)
			closeInOrder(t, client, server)

			half := w.closed(t, ns, model.RoleClient, at)
			require.Equal(t, model.FailureNone, half.Failure)
			require.EqualValues(t, up, half.Counters.SentBytes)
			require.EqualValues(t, down, half.Counters.ReceivedBytes)
			require.Positive(t, half.Handshake)
			require.Positive(t, half.SmoothedRTT)
			require.EqualValues(t, os.Getpid(), half.Owner.PID)
			require.Less(t, half.Opened, half.Established)
			require.Less(t, half.Established, half.Closed)

			half = w.closed(t, ns, model.RoleServer, at)
			require.Equal(t, model.FailureNone, half.Failure)
			require.EqualValues(t, down, half.Counters.SentBytes)
			require.EqualValues(t, up, half.Counters.ReceivedBytes)
		})
	}
}

func refused(t *testing.T, w *watch) {
	for family, address := range families {
		t.Run(family, func(t *testing.T) {
			ns := newNamespace(w.test)
			listener, at := listen(t, ns, address)
			require.NoError(t, listener.Close())
			_, err := dial(ns, at, 20*time.Second)
			require.Error(t, err)
			event := w.event(t, model.EventRefused, at)
			require.Equal(t, model.RoleClient, event.Conn.Role)
			require.EqualValues(t, os.Getpid(), event.Conn.Owner.PID)
			require.Equal(t, model.FailureRefused, w.closed(t, ns, model.RoleClient, at).Failure)
		})
	}
}

func reset(t *testing.T, w *watch) {
	ns := newNamespace(w.test)
	listener, at := listen(t, ns, families["IPv4"])
	client, server := pair(t, ns, listener, at)
	send(t, client, server, 10)
	require.NoError(t, server.SetLinger(0))
	require.NoError(t, server.Close())
	_, err := client.Read(make([]byte, 1))
	require.Error(t, err)
	require.NoError(t, client.Close())

	require.Equal(t, model.FailureReset, w.closed(t, ns, model.RoleClient, at).Failure)
	require.Equal(t, model.FailureReset, w.closed(t, ns, model.RoleServer, at).Failure)
	w.event(t, model.EventReset, at)
	w.mutex.Lock()
	defer w.mutex.Unlock()
	for _, event := range w.events {
		if event.Kind == model.EventReset && event.Conn.Owner.NetNS == ns.Inode() {
			require.Equal(t, event.Conn.Role == model.RoleClient, event.ByPeer, "the client received it")
		}
	}
}

func givenUp(t *testing.T, w *watch) {
	ns := newNamespace(w.test)
	at := deafAddress(t, ns)
	_, err := dial(ns, at, 300*time.Millisecond)
	require.Error(t, err)
	require.Equal(t, model.RoleClient, w.event(t, model.EventGivenUp, at).Conn.Role)
	require.Equal(t, model.FailureGivenUp, w.closed(t, ns, model.RoleClient, at).Failure)
}

func neverSent(t *testing.T, w *watch) {
	ns := newNamespace(w.test)
	nowhere := netip.MustParseAddrPort("192.0.2.1:80")
	_, err := dial(ns, nowhere, 20*time.Second)
	require.Error(t, err)
	require.EqualValues(t, os.Getpid(), w.event(t, model.EventNeverSent, nowhere).Conn.Owner.PID)
}

// old is a connection that is older than the sensor.
type old struct {
	ns             *netlink.Namespace
	at             netip.AddrPort
	client, server *net.TCPConn
}

// TestTCP_adopted watches connections that are older than the sensor. Their role is told by their listener, which is a
// socket of another protocol where it is a multipath one.
func TestTCP_adopted(t *testing.T) {
	connections := map[string]old{}
	for family, address := range families {
		for kind, multipath := range map[string]bool{"plain": false, "multipath": true} {
			made := old{ns: newNamespace(t)}
			var listener *net.TCPListener
			listener, made.at = listenAs(t, made.ns, address, multipath)
			made.client, made.server = pair(t, made.ns, listener, made.at)
			send(t, made.client, made.server, 1000)
			connections[family+" "+kind] = made
		}
	}
	w := observe(t, tcp.Name)
	for name, connection := range connections {
		t.Run(name, func(t *testing.T) { connection.check(t, w) })
	}
}

func (o old) check(t *testing.T, w *watch) {
	send(t, o.client, o.server, 500)
	closeInOrder(t, o.client, o.server)
	half := w.closed(t, o.ns, model.RoleClient, o.at)
	require.True(t, half.Adopted)
	require.EqualValues(t, os.Getpid(), half.Owner.PID)
	require.EqualValues(t, 1000, half.Base.SentBytes)
	require.EqualValues(t, 1500, half.Counters.SentBytes)
	half = w.closed(t, o.ns, model.RoleServer, o.at)
	require.True(t, half.Adopted)
	require.EqualValues(t, os.Getpid(), half.Owner.PID)
	require.EqualValues(t, 1000, half.Base.ReceivedBytes)
	require.EqualValues(t, 1500, half.Counters.ReceivedBytes)
}

// agreesWithTheKernel compares a mixture with the namespace's own counters.
func agreesWithTheKernel(t *testing.T, w *watch) {
	ns := newNamespace(w.test)
	listener, at := listen(t, ns, families["IPv4"])
	shut, closedPort := listen(t, ns, families["IPv4"])
	require.NoError(t, shut.Close())
	const orderly, refusals, resets = 60, 25, 15
	for range orderly {
		client, server := pair(t, ns, listener, at)
		send(t, client, server, 100)
		closeInOrder(t, client, server)
	}
	for range refusals {
		_, err := dial(ns, closedPort, 20*time.Second)
		require.Error(t, err)
	}
	for range resets {
		client, server := pair(t, ns, listener, at)
		require.NoError(t, client.SetLinger(0))
		require.NoError(t, client.Close())
		_, err := server.Read(make([]byte, 1))
		require.Error(t, err)
		require.NoError(t, server.Close())
	}
	testkit.Eventually(t, 20*time.Second, func() string { return difference(t, w, ns) })
	require.Len(t, w.in(ns, func(c model.Connection) bool { return c.Role == model.RoleServer }), orderly+resets)
}

// difference says which of the kernel's counters the sensor's connections do not add up to.
func difference(t *testing.T, w *watch, ns *netlink.Namespace) string {
	counters, err := ns.Counters()
	require.NoError(t, err)
	for name, holds := range map[string]func(model.Connection) bool{
		"TcpActiveOpens":  func(c model.Connection) bool { return c.Role == model.RoleClient && c.Opened != 0 },
		"TcpPassiveOpens": func(c model.Connection) bool { return c.Role == model.RoleServer && c.Established != 0 },
		"TcpAttemptFails": func(c model.Connection) bool { return c.Failure == model.FailureRefused },
		"TcpEstabResets":  func(c model.Connection) bool { return c.Failure == model.FailureReset },
	} {
		if seen := uint64(len(w.in(ns, holds))); seen != counters[name] {
			return fmt.Sprintf("%s: the sensor saw %d, the kernel counted %d", name, seen, counters[name])
		}
	}
	return ""
}
