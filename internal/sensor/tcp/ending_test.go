// SPDX-License-Identifier: Apache-2.0

package tcp

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/aeolus-ebpf/aeolus/internal/model"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

func all(*model.Connection) bool { return true }

// TestEndings: connections that end in unusual ways, held against the kernel's counters as well.
func TestEndings(t *testing.T) {
	testkit.RequireRoot(t)
	p := newPair(t)
	run := start(t, p.scope())
	listener := listen(t, p.server, "tcp4", "10.99.0.2:7300")
	remote := netip.MustParseAddrPort(listener.Addr().String())

	// An established connection whose peer falls silent.
	client, err := dial(p.client, "tcp4", remote.String())
	require.NoError(t, err)
	server, err := listener.AcceptTCP()
	require.NoError(t, err)
	raw, err := client.SyscallConn()
	require.NoError(t, err)
	require.NoError(t, raw.Control(func(fd uintptr) {
		assert.NoError(t, unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, 300))
	}))
	require.NoError(t, p.server.Nft("table inet silence { chain input { type filter hook input priority 0;\ntcp dport 7300 drop\n}\n}"))
	_, err = client.Write([]byte("hello?"))
	require.NoError(t, err)
	_, err = client.Read(make([]byte, 1))
	require.ErrorIs(t, err, unix.ETIMEDOUT)
	testkit.Eventually(t, patience, func() string { return missing(len(run.eventsOf(to(remote))), 1) })
	event := run.eventsOf(to(remote))[0]
	assert.Equal(t, model.EventReset, event.Kind)
	assert.Equal(t, model.FailureTimedOut, event.Conn.Failure)
	assert.False(t, event.ByPeer)
	require.NoError(t, client.Close())
	require.NoError(t, p.server.Nft("delete table inet silence"))
	require.NoError(t, server.SetLinger(0))
	require.NoError(t, server.Close())

	// The peer breaks off what we have closed already: for the kernel, and for us, that is no reset of ours.
	client, err = dial(p.client, "tcp4", remote.String())
	require.NoError(t, err)
	server, err = listener.AcceptTCP()
	require.NoError(t, err)
	require.NoError(t, client.CloseWrite())
	_, err = server.Read(make([]byte, 1))
	require.Error(t, err)
	require.NoError(t, server.SetLinger(0))
	require.NoError(t, server.Close())
	_, err = client.Read(make([]byte, 1))
	require.ErrorIs(t, err, unix.ECONNRESET)
	require.NoError(t, client.Close())

	// A socket connected to itself opens once and is accepted by nobody.
	itself := netip.MustParseAddrPort("10.99.0.1:7301")
	fd := socket(t, p.client, unix.AF_INET)
	require.NoError(t, unix.Bind(fd, destination(itself)))
	require.NoError(t, unix.Connect(fd, destination(itself)))
	require.NoError(t, unix.Close(fd))

	// A connected UDP socket is none of ours, with a route or without.
	for _, address := range []string{"10.99.0.2:7302", "203.0.113.7:7302"} {
		var failed error
		require.NoError(t, p.client.Do(func() error {
			fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
			if err != nil {
				return err
			}
			failed = unix.Connect(fd, destination(netip.MustParseAddrPort(address)))
			return unix.Close(fd)
		}))
		assert.Equal(t, address[0] == '2', failed != nil)
	}

	testkit.Eventually(t, patience, func() string { return missing(len(run.ends(all)), 5) })
	run.stop()
	ends := run.ends(all)
	assert.Len(t, ends, 5)
	for _, c := range ends {
		if c.Local == itself {
			assert.Equal(t, model.RoleClient, c.Role)
			assert.Equal(t, model.FailureNone, c.Failure)
		}
	}
	equalCounters(t, run, p.client, p.server)
}
