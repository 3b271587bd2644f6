// SPDX-License-Identifier: Apache-2.0

package tcp

import (
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/aeolus-ebpf/aeolus/internal/model"
	"github.com/aeolus-ebpf/aeolus/internal/netlink"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

// What the server's rules do with each port.
const (
	portRefused = iota + 7001
	portDropped
	portTimedOut
	portHostUnreachable
	portPortUnreachable
	portProhibited
	portRetried
)

const rules = `table inet test { chain input { type filter hook input priority 0;
tcp dport { 7002, 7003, 7007 } drop
tcp dport 7004 reject with icmp host-unreachable
tcp dport 7005 reject with icmp port-unreachable
tcp dport 7006 reject with icmp admin-prohibited
}
}`

type failure struct {
	name string
	// provoke makes the program's connect fail, and closes the socket.
	provoke func(t *testing.T, p pair, remote netip.AddrPort)
	remote  netip.AddrPort
	failure model.Failure
	event   model.EventKind
	errno   uint16
	sent    bool
}

func simply(want error) func(t *testing.T, p pair, remote netip.AddrPort) {
	return func(t *testing.T, p pair, remote netip.AddrPort) {
		family := unix.AF_INET
		if remote.Addr().Is6() {
			family = unix.AF_INET6
		}
		connect(t, p, family, remote, want)
	}
}

func connect(t *testing.T, p pair, family int, remote netip.AddrPort, want error) {
	fd := socket(t, p.client, family)
	if want == unix.ETIMEDOUT {
		require.NoError(t, unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, 300))
	}
	require.ErrorIs(t, unix.Connect(fd, destination(remote)), want)
	require.NoError(t, unix.Close(fd))
}

func failures() []failure {
	at := netip.AddrPortFrom
	return []failure{
		{"refused", simply(unix.ECONNREFUSED), at(server4, portRefused), model.FailureRefused, model.EventRefused, 111, true},
		{"refused, IPv6", simply(unix.ECONNREFUSED), at(server6, portRefused), model.FailureRefused, model.EventRefused, 111, true},
		{"refused, IPv4 mapped", func(t *testing.T, p pair, remote netip.AddrPort) {
			mapped := netip.AddrPortFrom(netip.AddrFrom16(remote.Addr().As16()), remote.Port())
			connect(t, p, unix.AF_INET6, mapped, unix.ECONNREFUSED)
		}, at(server4, portRefused+100), model.FailureRefused, model.EventRefused, 111, true},
		{"timed out", simply(unix.ETIMEDOUT), at(server4, portTimedOut), model.FailureTimedOut, model.EventTimedOut, 110, true},
		{"given up", func(t *testing.T, p pair, remote netip.AddrPort) {
			fd := socket(t, p.client, unix.AF_INET)
			require.NoError(t, unix.SetNonblock(fd, true))
			require.ErrorIs(t, unix.Connect(fd, destination(remote)), unix.EINPROGRESS)
			require.NoError(t, unix.Close(fd))
		}, at(server4, portDropped), model.FailureGivenUp, model.EventGivenUp, 0, true},
		{"host unreachable", simply(unix.EHOSTUNREACH), at(server4, portHostUnreachable), model.FailureUnreachable, model.EventUnreachable, 113, true},
		{"port unreachable", simply(unix.ECONNREFUSED), at(server4, portPortUnreachable), model.FailureRefused, model.EventRefused, 111, true},
		{"prohibited", simply(unix.EHOSTUNREACH), at(server4, portProhibited), model.FailureUnreachable, model.EventUnreachable, 113, true},
		{"no route", simply(unix.ENETUNREACH), netip.MustParseAddrPort("203.0.113.1:80"), model.FailureNoRoute, model.EventNoRoute, 0, false},
		{"no route, IPv6", simply(unix.ENETUNREACH), netip.MustParseAddrPort("[2001:db8::1]:80"), model.FailureNoRoute, model.EventNoRoute, 0, false},
		{"route that is unreachable", simply(unix.EHOSTUNREACH), netip.MustParseAddrPort("203.0.114.1:80"), model.FailureNoRoute, model.EventNoRoute, 0, false},
	}
}

// TestFailures provokes every failure for real. All run at once under one sensor.
func TestFailures(t *testing.T) {
	testkit.RequireRoot(t)
	p := newPair(t)
	require.NoError(t, p.server.Nft(rules))
	require.NoError(t, p.client.AddRoute(netlink.Route{Destination: netip.MustParsePrefix("203.0.114.0/24"), Unreachable: true}))
	settings := p.scope()
	settings.Routes = p
	run := start(t, settings)
	require.Empty(t, run.lost())

	// The second retransmission of a SYN takes the longest: it begins first.
	patient := socket(t, p.client, unix.AF_INET)
	dropped := netip.AddrPortFrom(server4, portRetried)
	require.NoError(t, unix.SetNonblock(patient, true))
	require.ErrorIs(t, unix.Connect(patient, destination(dropped)), unix.EINPROGRESS)
	began := time.Now()
	for _, f := range failures() {
		t.Run(f.name, func(t *testing.T) {
			f.provoke(t, p, f.remote)
			testkit.Eventually(t, patience, func() string {
				if len(run.ends(to(f.remote))) == 0 || len(run.eventsOf(to(f.remote))) == 0 {
					return "no record"
				}
				return ""
			})
			ends := run.ends(to(f.remote))
			require.Len(t, ends, 1)
			c := ends[0]
			assert.Equal(t, f.failure, c.Failure)
			assert.Equal(t, f.errno, c.Errno)
			assert.Equal(t, f.sent, c.Opened != 0)
			assert.Equal(t, f.sent, c.Counters.SentSegments > 0)
			assert.Zero(t, c.Established)
			assert.Zero(t, c.Counters.SentBytes+c.Counters.ReceivedBytes)
			assert.Equal(t, p.client.Inode(), c.Owner.NetNS)
			assert.Equal(t, uint32(unix.Getpid()), c.Owner.PID)
			assert.NotEmpty(t, c.Owner.Comm)
			if f.sent {
				assert.Contains(t, []netip.Addr{client4, client6}, c.Local.Addr())
				assert.NotZero(t, c.Local.Port())
			}
			events := run.eventsOf(to(f.remote))
			require.Len(t, events, 1)
			assert.Equal(t, f.event, events[0].Kind)
			assert.Equal(t, c.Cookie, events[0].Conn.Cookie)
			assert.GreaterOrEqual(t, events[0].Read, events[0].Conn.Taken)
		})
	}
	t.Run("retrying", func(t *testing.T) {
		testkit.Eventually(t, patience, func() string {
			if len(run.eventsOf(to(dropped))) == 0 {
				return fmt.Sprintf("no second retransmission %s after the SYN", time.Since(began))
			}
			return ""
		})
		require.NoError(t, unix.Close(patient))
		events := run.eventsOf(func(c *model.Connection) bool { return to(dropped)(c) && c.Phase == model.PhaseOpening })
		require.Len(t, events, 1)
		assert.Equal(t, model.EventRetrying, events[0].Kind)
		assert.Equal(t, uint8(2), events[0].Conn.SynRetransmits)
	})
	run.stop()
	equalCounters(t, run, p.client, p.server)
}

// NoRoute implements sensor.RouteChecker.
func (p pair) NoRoute(netns uint32, remote netip.Addr) (bool, error) {
	for _, n := range []*netlink.Namespace{p.client, p.server} {
		if n.Inode() == netns {
			return n.NoRoute(remote)
		}
	}
	return false, fmt.Errorf("no namespace %d", netns)
}

// equalCounters holds what the sensor saw against what each namespace counted since it was made.
func equalCounters(t *testing.T, run *started, namespaces ...*netlink.Namespace) {
	t.Helper()
	for _, n := range namespaces {
		kernel, err := n.Counters()
		require.NoError(t, err)
		var active, passive, failed, reset uint64
		for _, c := range run.ends(func(c *model.Connection) bool { return c.Owner.NetNS == n.Inode() }) {
			switch {
			case c.Role == model.RoleServer && c.Established != 0:
				passive++
			case c.Opened != 0:
				active++
			}
			if c.Failure == model.FailureNone {
				continue
			}
			switch {
			case c.Established != 0:
				reset++
			case c.Failure != model.FailureGivenUp && c.Failure != model.FailureNeverSent && c.Failure != model.FailureNoRoute:
				failed++
			}
		}
		assert.Equal(t, kernel["TcpActiveOpens"], active, "%s: ActiveOpens", n)
		assert.Equal(t, kernel["TcpPassiveOpens"], passive, "%s: PassiveOpens", n)
		assert.Equal(t, kernel["TcpAttemptFails"], failed, "%s: AttemptFails", n)
		assert.Equal(t, kernel["TcpEstabResets"], reset, "%s: EstabResets", n)
	}
}

// TestNoLocalPort: a connect without a local port goes through SYN_SENT without a SYN.
func TestNoLocalPort(t *testing.T) {
	testkit.RequireRoot(t)
	p := newPair(t)
	require.NoError(t, p.client.WriteSysctl("net.ipv4.ip_local_port_range", "50000 50001"))
	run := start(t, p.scope())
	listener := listen(t, p.server, "tcp4", "10.99.0.2:0")
	remote := netip.MustParseAddrPort(listener.Addr().String())
	var failed error
	for range 3 {
		conn, err := dial(p.client, "tcp4", remote.String())
		if err != nil {
			failed = err
			break
		}
		defer conn.Close()
	}
	require.ErrorIs(t, failed, unix.EADDRNOTAVAIL)
	testkit.Eventually(t, patience, func() string {
		if len(run.eventsOf(to(remote))) == 0 {
			return "no event"
		}
		return ""
	})
	event := run.eventsOf(to(remote))[0]
	assert.Equal(t, model.EventNeverSent, event.Kind)
	assert.Zero(t, event.Conn.Opened)
}

// TestOneSocketManyConnections: a program may connect a socket again after it failed, and each is a connection.
func TestOneSocketManyConnections(t *testing.T) {
	testkit.RequireRoot(t)
	p := newPair(t)
	settings := p.scope()
	settings.Routes = p
	run := start(t, settings)
	listener := listen(t, p.server, "tcp4", "10.99.0.2:0")
	good := netip.MustParseAddrPort(listener.Addr().String())
	nowhere := netip.MustParseAddrPort("203.0.113.9:80")
	closed := netip.AddrPortFrom(server4, portRefused)

	fd := socket(t, p.client, unix.AF_INET)
	require.ErrorIs(t, unix.Connect(fd, destination(nowhere)), unix.ENETUNREACH)
	require.ErrorIs(t, unix.Connect(fd, destination(nowhere)), unix.ENETUNREACH)
	require.ErrorIs(t, unix.Connect(fd, destination(closed)), unix.ECONNREFUSED)
	require.ErrorIs(t, unix.Connect(fd, destination(closed)), unix.ECONNREFUSED)
	require.NoError(t, unix.Connect(fd, destination(good)))
	accepted, err := listener.Accept()
	require.NoError(t, err)
	require.NoError(t, unix.Close(fd))
	require.NoError(t, accepted.Close())

	clients := func(c *model.Connection) bool { return c.Role == model.RoleClient }
	testkit.Eventually(t, patience, func() string {
		if n := len(run.ends(clients)); n < 5 {
			return fmt.Sprintf("%d of 5 connections", n)
		}
		return ""
	})
	run.stop()
	var failures []model.Failure
	cookies := map[uint64]bool{}
	for _, c := range run.ends(clients) {
		failures = append(failures, c.Failure)
		cookies[c.Cookie] = true
	}
	assert.ElementsMatch(t, []model.Failure{model.FailureNoRoute, model.FailureNoRoute, model.FailureRefused,
		model.FailureRefused, model.FailureNone}, failures)
	assert.Len(t, cookies, 5)
	equalCounters(t, run, p.client, p.server)
}

// TestResets: an established connection that is broken off is reported at both ends, and by whom.
func TestResets(t *testing.T) {
	testkit.RequireRoot(t)
	p := newPair(t)
	run := start(t, p.scope())
	listener := listen(t, p.server, "tcp", "[fd00:99::2]:0")
	for _, byServer := range []bool{false, true} {
		client, err := dial(p.client, "tcp", listener.Addr().String())
		require.NoError(t, err)
		server, err := listener.AcceptTCP()
		require.NoError(t, err)
		breaking, broken := client, server
		if byServer {
			breaking, broken = server, client
		}
		local := netip.MustParseAddrPort(breaking.LocalAddr().String())
		far := netip.MustParseAddrPort(breaking.RemoteAddr().String())
		require.NoError(t, breaking.SetLinger(0))
		require.NoError(t, breaking.Close())
		_, err = broken.Read(make([]byte, 1))
		require.ErrorIs(t, err, unix.ECONNRESET)
		require.NoError(t, broken.Close())
		both := func(c *model.Connection) bool {
			return c.Local == local && c.Remote == far || c.Local == far && c.Remote == local
		}
		testkit.Eventually(t, patience, func() string {
			if len(run.ends(both)) < 2 || len(run.eventsOf(both)) < 2 {
				return "not both ends"
			}
			return ""
		})
		for _, e := range run.eventsOf(both) {
			assert.Equal(t, model.EventReset, e.Kind)
			assert.Equal(t, e.Conn.Local != local, e.ByPeer)
		}
		for _, c := range run.ends(both) {
			assert.Equal(t, model.FailureReset, c.Failure)
			sent, received := uint32(1), uint32(0)
			if c.Local != local {
				sent, received = received, sent
			}
			assert.Equal(t, sent, c.Counters.ResetsSent, "%s", c.Local)
			assert.Equal(t, received, c.Counters.ResetsReceived, "%s", c.Local)
		}
	}
	// A program that closes without reading what has come breaks the connection off too.
	client, err := dial(p.client, "tcp", listener.Addr().String())
	require.NoError(t, err)
	server, err := listener.AcceptTCP()
	require.NoError(t, err)
	_, err = client.Write([]byte("unread"))
	require.NoError(t, err)
	awaitReadable(t, server)
	require.NoError(t, server.Close())
	_, err = client.Read(make([]byte, 1))
	require.Error(t, err)
	require.NoError(t, client.Close())
	testkit.Eventually(t, patience, func() string {
		if n := len(run.ends(func(c *model.Connection) bool { return c.Failure == model.FailureReset })); n < 6 {
			return fmt.Sprintf("%d of 6 resets", n)
		}
		return ""
	})
	run.stop()
	equalCounters(t, run, p.client, p.server)
}

// awaitReadable waits until something can be read, and reads nothing.
func awaitReadable(t *testing.T, conn *net.TCPConn) {
	t.Helper()
	raw, err := conn.SyscallConn()
	require.NoError(t, err)
	require.NoError(t, raw.Control(func(fd uintptr) {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(patience/time.Millisecond))
		assert.NoError(t, err)
		assert.Equal(t, 1, n)
	}))
}
