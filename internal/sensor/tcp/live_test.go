// SPDX-License-Identifier: Apache-2.0

package tcp

import (
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/model"
	"github.com/aeolus-ebpf/aeolus/internal/sensor"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

// TestLive runs the sensor on the host as it is. With -v it prints what the sensor sees: a quick look at a new kernel.
func TestLive(t *testing.T) {
	testkit.RequireRoot(t)
	run := start(t, sensor.Settings{})
	t.Logf("missing: %q", run.state.Missing)
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	address := listener.Addr().String()
	conn, err := net.Dial("tcp4", address)
	require.NoError(t, err)
	accepted, err := listener.Accept()
	require.NoError(t, err)
	_, err = conn.Write([]byte("hello"))
	require.NoError(t, err)
	_, err = accepted.Read(make([]byte, 5))
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	require.NoError(t, accepted.Close())
	require.NoError(t, listener.Close())
	_, err = net.Dial("tcp4", address)
	require.Error(t, err)

	testkit.Eventually(t, 5*time.Second, func() string {
		run.mu.Lock()
		defer run.mu.Unlock()
		var client, server, refused bool
		for _, c := range run.conns {
			if c.Phase != model.PhaseClosed || c.Failure != model.FailureNone {
				continue
			}
			client = client || c.Remote.String() == address && c.Role == model.RoleClient && c.Counters.SentBytes == 5
			server = server || c.Local.String() == address && c.Role == model.RoleServer && c.Counters.ReceivedBytes == 5
		}
		for _, e := range run.events {
			refused = refused || e.Kind == model.EventRefused && e.Conn.Remote.String() == address
		}
		if client && server && refused {
			return ""
		}
		return "not seen: one of client, server, refused"
	})
	run.stop()
	for _, e := range run.events {
		t.Logf("event %s %s -> %s %s", e.Kind, e.Conn.Local, e.Conn.Remote, time.Duration(e.Read-e.Conn.Taken))
	}
	for _, c := range run.conns {
		t.Logf("%+v", c)
	}
	for _, l := range run.listeners {
		t.Logf("%+v", l)
	}
	for _, c := range run.ledger.Counts() {
		t.Logf("%+v", c)
	}
	t.Logf("cost: %+v", run.sensor.Cost())
}
