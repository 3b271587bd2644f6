// SPDX-License-Identifier: Apache-2.0

package tcp

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/aeolus-ebpf/aeolus/internal/model"
	"github.com/aeolus-ebpf/aeolus/internal/netlink"
	"github.com/aeolus-ebpf/aeolus/internal/sensor"
)

// The two ends of a pair.
var (
	client4 = netip.MustParseAddr("10.99.0.1")
	server4 = netip.MustParseAddr("10.99.0.2")
	client6 = netip.MustParseAddr("fd00:99::1")
	server6 = netip.MustParseAddr("fd00:99::2")
)

// pair is two network namespaces with a cable between them. They have no names: they go with the test.
type pair struct {
	client, server *netlink.Namespace
}

func newNamespace(t *testing.T) *netlink.Namespace {
	t.Helper()
	n, err := netlink.New()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, n.Close()) })
	require.NoError(t, n.SetUp("lo"))
	return n
}

func newPair(t *testing.T) pair {
	t.Helper()
	p := pair{client: newNamespace(t), server: newNamespace(t)}
	require.NoError(t, p.client.AddVeth("cable", p.server, "cable"))
	for _, end := range []struct {
		n      *netlink.Namespace
		v4, v6 netip.Addr
	}{{p.client, client4, client6}, {p.server, server4, server6}} {
		// Duplicate address detection would hold IPv6 back for a second.
		require.NoError(t, end.n.WriteSysctl("net.ipv6.conf.cable.accept_dad", "0"))
		require.NoError(t, end.n.AddAddress("cable", netip.PrefixFrom(end.v4, 24)))
		require.NoError(t, end.n.AddAddress("cable", netip.PrefixFrom(end.v6, 64)))
		require.NoError(t, end.n.SetUp("cable"))
	}
	return p
}

// scope is what a sensor sees that watches the pair alone.
func (p pair) scope() sensor.Settings {
	return sensor.Settings{Scope: sensor.Scope{NetNS: []uint32{p.client.Inode(), p.server.Inode()}}}
}

func listen(t *testing.T, n *netlink.Namespace, network, address string) *net.TCPListener {
	t.Helper()
	var listener net.Listener
	require.NoError(t, n.Do(func() (err error) {
		listener, err = net.Listen(network, address)
		return err
	}))
	t.Cleanup(func() { _ = listener.Close() })
	return listener.(*net.TCPListener)
}

func dial(n *netlink.Namespace, network, address string) (conn *net.TCPConn, err error) {
	err = n.Do(func() error {
		c, err := net.Dial(network, address)
		if err == nil {
			conn = c.(*net.TCPConn)
		}
		return err
	})
	return conn, err
}

// socket makes a plain socket in a namespace; without a runtime that waits for it, it is connected and closed as a C
// program would.
func socket(t *testing.T, n *netlink.Namespace, family int) int {
	t.Helper()
	var fd int
	require.NoError(t, n.Do(func() (err error) {
		fd, err = unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		return err
	}))
	return fd
}

func destination(to netip.AddrPort) unix.Sockaddr {
	if to.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()}
	}
	return &unix.SockaddrInet6{Port: int(to.Port()), Addr: to.Addr().As16()}
}

// ends gives the last snapshot of each connection that has closed and satisfies a condition.
func (r *recorder) ends(keep func(*model.Connection) bool) []model.Connection {
	r.mu.Lock()
	defer r.mu.Unlock()
	var found []model.Connection
	for i := range r.conns {
		if c := &r.conns[i]; c.Phase == model.PhaseClosed && keep(c) {
			found = append(found, *c)
		}
	}
	return found
}

// to selects a client's connections by where they went.
func to(remote netip.AddrPort) func(*model.Connection) bool {
	return func(c *model.Connection) bool { return c.Remote == remote && c.Role == model.RoleClient }
}

func (r *recorder) eventsOf(keep func(*model.Connection) bool) []sensor.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	var found []sensor.Event
	for _, e := range r.events {
		if keep(&e.Conn) {
			found = append(found, e)
		}
	}
	return found
}

const patience = 30 * time.Second
