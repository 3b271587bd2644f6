// SPDX-License-Identifier: Apache-2.0

package sensor_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/aeolus-ebpf/aeolus/internal/netlink"
)

// families are the loopback addresses of the two.
var families = map[string]netip.Addr{
	"IPv4": netip.MustParseAddr("127.0.0.1"),
	"IPv6": netip.MustParseAddr("::1"),
}

// newNamespace makes a network namespace with a loopback interface that is up, and nothing else.
func newNamespace(t *testing.T) *netlink.Namespace {
	t.Helper()
	ns, err := netlink.New()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, ns.Close()) })
	require.NoError(t, ns.SetUp("lo"))
	return ns
}

// listen opens a listening socket in a namespace. Sockets stay in the namespace in which they were made, so that what
// follows can be done anywhere. Go asks for a multipath socket where the kernel has them, as every Go server does.
func listen(t *testing.T, ns *netlink.Namespace, address netip.Addr) (*net.TCPListener, netip.AddrPort) {
	t.Helper()
	return listenAs(t, ns, address, true)
}

func listenAs(t *testing.T, ns *netlink.Namespace, address netip.Addr, multipath bool) (*net.TCPListener, netip.AddrPort) {
	t.Helper()
	var listener *net.TCPListener
	require.NoError(t, ns.Do(func() error {
		var config net.ListenConfig
		config.SetMultipathTCP(multipath)
		made, err := config.Listen(t.Context(), "tcp", netip.AddrPortFrom(address, 0).String())
		if err == nil {
			listener = made.(*net.TCPListener)
		}
		return err
	}))
	t.Cleanup(func() { _ = listener.Close() })
	return listener, listener.Addr().(*net.TCPAddr).AddrPort()
}

// dial connects from within a namespace.
func dial(ns *netlink.Namespace, to netip.AddrPort, limit time.Duration) (*net.TCPConn, error) {
	var connection *net.TCPConn
	err := ns.Do(func() error {
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		defer cancel()
		made, err := new(net.Dialer).DialContext(ctx, "tcp", to.String())
		if err != nil {
			return err
		}
		connection = made.(*net.TCPConn)
		return nil
	})
	return connection, err
}

// pair is both ends of a connection.
func pair(t *testing.T, ns *netlink.Namespace, listener *net.TCPListener, at netip.AddrPort) (client, server *net.TCPConn) {
	t.Helper()
	client, err := dial(ns, at, 20*time.Second)
	require.NoError(t, err)
	server, err = listener.AcceptTCP()
	require.NoError(t, err)
	return client, server
}

// send passes bytes from one end to the other.
func send(t *testing.T, from, to *net.TCPConn, count int) {
	t.Helper()
	done := make(chan error, 1)
	go func() {
		_, err := io.Copy(from, bytes.NewReader(make([]byte, count)))
		done <- err
	}()
	n, err := io.CopyN(io.Discard, to, int64(count))
	require.NoError(t, err)
	require.NoError(t, <-done)
	require.EqualValues(t, count, n)
}

// closeInOrder ends a connection as well-behaved programs do: the client first, then the server that has seen it.
func closeInOrder(t *testing.T, client, server *net.TCPConn) {
	t.Helper()
	require.NoError(t, client.CloseWrite())
	_, err := server.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF)
	require.NoError(t, server.Close())
	_, err = client.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF)
	require.NoError(t, client.Close())
}

// deafAddress returns an address that answers no SYN: its listener's queue is full, and the kernel drops what comes.
func deafAddress(t *testing.T, ns *netlink.Namespace) netip.AddrPort {
	t.Helper()
	var at netip.AddrPort
	require.NoError(t, ns.Do(func() error {
		socket, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		t.Cleanup(func() { _ = unix.Close(socket) })
		if err := unix.Bind(socket, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
			return err
		}
		if err := unix.Listen(socket, 0); err != nil {
			return err
		}
		name, err := unix.Getsockname(socket)
		if err != nil {
			return err
		}
		bound := name.(*unix.SockaddrInet4)
		at = netip.AddrPortFrom(netip.AddrFrom4(bound.Addr), uint16(bound.Port))
		return nil
	}))
	waiting, err := dial(ns, at, 20*time.Second)
	require.NoError(t, err, "the one connection that the queue holds")
	t.Cleanup(func() { _ = waiting.Close() })
	return at
}
