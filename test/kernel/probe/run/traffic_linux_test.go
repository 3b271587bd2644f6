// SPDX-License-Identifier: Apache-2.0

package run_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"github.com/aeolus-ebpf/aeolus/internal/netlink"
)

// How much of each thing the traffic has.
const (
	orderly4, orderly6 = 20, 10 // connections that send both ways and end well
	refused            = 7      // attempts at a port where nobody listens
	resets             = 5      // connections that the server ends with a reset
	datagrams          = 30
	unwanted           = 4 // datagrams to a port where nobody listens
	upBytes, downBytes = 1003, 505
	datagramBytes      = 100
	overflowBytes      = 1000
	// A SYN that nobody answers is sent again after a second.
	deafTime = 1300 * time.Millisecond
	limit    = 20 * time.Second
)

// traffic is what was done in a namespace, as those who did it know it.
type traffic struct {
	ns *netlink.Namespace
	// Ports of the server for orderly connections of each version, of nobody, and of receivers of datagrams.
	port4, port6, closed, received, overflowed uint16
	accepted, sentTCP                          uint64
	sentUDP, sentUDPBytes                      uint64
	counters                                   netlink.Counters
}

var (
	loopback4 = netip.MustParseAddr("127.0.0.1")
	loopback6 = netip.MustParseAddr("::1")
)

// newTraffic makes a namespace whose loopback interface is up.
func newTraffic() (*traffic, error) {
	ns, err := netlink.New()
	if err != nil {
		return nil, err
	}
	if err := ns.SetUp("lo"); err != nil {
		return nil, err
	}
	return &traffic{ns: ns}, nil
}

// run does everything and then reads the kernel's counters.
func (w *traffic) run() error {
	for _, step := range []struct {
		name string
		do   func() error
	}{
		{"connections of version 4", func() error { return w.connections(loopback4, orderly4, &w.port4) }},
		{"connections of version 6", func() error { return w.connections(loopback6, orderly6, &w.port6) }},
		{"resets", w.resets}, {"refusals", w.refusals}, {"datagrams", w.datagrams},
		{"an overflow", w.overflow}, {"silence", w.silence},
	} {
		if err := step.do(); err != nil {
			return fmt.Errorf("making %s: %w", step.name, err)
		}
	}
	var err error
	w.counters, err = w.ns.Counters()
	return err
}

func (w *traffic) listen(address netip.Addr) (*net.TCPListener, uint16, error) {
	var listener *net.TCPListener
	err := w.ns.Do(func() error {
		var config net.ListenConfig
		config.SetMultipathTCP(false)
		made, err := config.Listen(context.Background(), "tcp", netip.AddrPortFrom(address, 0).String())
		if err == nil {
			listener = made.(*net.TCPListener)
		}
		return err
	})
	if err != nil {
		return nil, 0, err
	}
	return listener, listener.Addr().(*net.TCPAddr).AddrPort().Port(), nil
}

func (w *traffic) dial(network string, to netip.AddrPort, within time.Duration) (net.Conn, error) {
	var connection net.Conn
	err := w.ns.Do(func() error {
		ctx, cancel := context.WithTimeout(context.Background(), within)
		defer cancel()
		var err error
		connection, err = new(net.Dialer).DialContext(ctx, network, to.String())
		return err
	})
	return connection, err
}

// connections makes orderly ones, one after the other.
func (w *traffic) connections(address netip.Addr, count int, port *uint16) error {
	listener, at, err := w.listen(address)
	if err != nil {
		return err
	}
	defer listener.Close()
	*port = at
	for range count {
		client, server, err := w.pair(listener, netip.AddrPortFrom(address, at))
		if err != nil {
			return err
		}
		if err := exchange(client, server); err != nil {
			return err
		}
		w.sentTCP += upBytes + downBytes
	}
	return nil
}

func (w *traffic) pair(listener *net.TCPListener, at netip.AddrPort) (client net.Conn, server *net.TCPConn, err error) {
	if client, err = w.dial("tcp", at, limit); err != nil {
		return nil, nil, err
	}
	if server, err = listener.AcceptTCP(); err != nil {
		return nil, nil, err
	}
	w.accepted++
	deadline := time.Now().Add(limit)
	_ = client.SetDeadline(deadline)
	_ = server.SetDeadline(deadline)
	return client, server, nil
}

// exchange sends both ways and ends a connection, the client first.
func exchange(client net.Conn, server *net.TCPConn) error {
	if _, err := client.Write(make([]byte, upBytes)); err != nil {
		return err
	}
	if _, err := io.CopyN(io.Discard, server, upBytes); err != nil {
		return err
	}
	if _, err := server.Write(make([]byte, downBytes)); err != nil {
		return err
	}
	if _, err := io.CopyN(io.Discard, client, downBytes); err != nil {
		return err
	}
	if err := client.(*net.TCPConn).CloseWrite(); err != nil {
		return err
	}
	if _, err := server.Read(make([]byte, 1)); err != io.EOF {
		return fmt.Errorf("the server reads %w, not the end", err)
	}
	if err := server.Close(); err != nil {
		return err
	}
	if _, err := client.Read(make([]byte, 1)); err != io.EOF {
		return fmt.Errorf("the client reads %w, not the end", err)
	}
	return client.Close()
}

func (w *traffic) resets() error {
	listener, at, err := w.listen(loopback4)
	if err != nil {
		return err
	}
	defer listener.Close()
	for range resets {
		client, server, err := w.pair(listener, netip.AddrPortFrom(loopback4, at))
		if err != nil {
			return err
		}
		if err := server.SetLinger(0); err != nil {
			return err
		}
		_ = server.Close()
		_, _ = client.Read(make([]byte, 1))
		_ = client.Close()
	}
	return nil
}

func (w *traffic) refusals() error {
	listener, at, err := w.listen(loopback4)
	if err != nil {
		return err
	}
	_ = listener.Close()
	w.closed = at
	for range refused {
		if _, err := w.dial("tcp", netip.AddrPortFrom(loopback4, at), limit); err == nil {
			return fmt.Errorf("port %d answers", at)
		}
	}
	return nil
}

// receiver opens a socket for datagrams.
func (w *traffic) receiver() (*net.UDPConn, netip.AddrPort, error) {
	var socket *net.UDPConn
	err := w.ns.Do(func() error {
		var err error
		socket, err = net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(loopback4, 0)))
		return err
	})
	if err != nil {
		return nil, netip.AddrPort{}, err
	}
	return socket, socket.LocalAddr().(*net.UDPAddr).AddrPort(), nil
}

func (w *traffic) datagrams() error {
	socket, at, err := w.receiver()
	if err != nil {
		return err
	}
	defer socket.Close()
	w.received = at.Port()
	sender, err := w.dial("udp", at, limit)
	if err != nil {
		return err
	}
	defer sender.Close()
	_ = socket.SetDeadline(time.Now().Add(limit))
	for range datagrams {
		if _, err := sender.Write(make([]byte, datagramBytes)); err != nil {
			return err
		}
		if n, err := socket.Read(make([]byte, datagramBytes)); err != nil || n != datagramBytes {
			return fmt.Errorf("received %d bytes: %w", n, err)
		}
	}
	// A socket hears of what it sent in vain when it is used again: hence one for each.
	for range unwanted {
		sender, err := w.dial("udp", netip.AddrPortFrom(loopback4, w.closed), limit)
		if err != nil {
			return err
		}
		if _, err := sender.Write(make([]byte, datagramBytes)); err != nil {
			return err
		}
		_ = sender.Close()
	}
	w.sentUDP += datagrams + unwanted
	w.sentUDPBytes += (datagrams + unwanted) * datagramBytes
	return nil
}

// overflow sends to a socket that nobody reads until it has no room.
func (w *traffic) overflow() error {
	const many, size = 60, overflowBytes
	socket, at, err := w.receiver()
	if err != nil {
		return err
	}
	defer socket.Close()
	w.overflowed = at.Port()
	if err := socket.SetReadBuffer(1); err != nil {
		return err
	}
	sender, err := w.dial("udp", at, limit)
	if err != nil {
		return err
	}
	defer sender.Close()
	for range many {
		if _, err := sender.Write(make([]byte, size)); err != nil {
			return err
		}
	}
	w.sentUDP += many
	w.sentUDPBytes += many * size
	return nil
}

// silence begins a connection that is never answered: the listener's queue is full.
func (w *traffic) silence() error {
	var at netip.AddrPort
	socket := -1
	err := w.ns.Do(func() error {
		var err error
		if socket, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err != nil {
			return err
		}
		if err := unix.Bind(socket, &unix.SockaddrInet4{Addr: loopback4.As4()}); err != nil {
			return err
		}
		if err := unix.Listen(socket, 0); err != nil {
			return err
		}
		name, err := unix.Getsockname(socket)
		if err == nil {
			at = netip.AddrPortFrom(loopback4, uint16(name.(*unix.SockaddrInet4).Port))
		}
		return err
	})
	defer func() { _ = unix.Close(socket) }()
	if err != nil {
		return err
	}
	waiting, err := w.dial("tcp", at, limit)
	if err != nil {
		return err
	}
	defer waiting.Close()
	if deaf, err := w.dial("tcp", at, deafTime); err == nil {
		_ = deaf.Close()
		return fmt.Errorf("port %d answers", at.Port())
	}
	return w.resetWaiting(waiting.(*net.TCPConn))
}

// resetWaiting ends a connection that nobody has accepted, and waits until both its ends know: else it would depend on the
// order of things whether the listener's end, when it closes, sends a reset to a socket that is there no more.
func (w *traffic) resetWaiting(client *net.TCPConn) error {
	before, err := w.ns.Counters()
	if err != nil {
		return err
	}
	if err := client.SetLinger(0); err != nil {
		return err
	}
	_ = client.Close()
	for deadline := time.Now().Add(limit); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		now, err := w.ns.Counters()
		if err != nil || now["TcpEstabResets"] >= before["TcpEstabResets"]+2 {
			return err
		}
	}
	return fmt.Errorf("the reset did not arrive within %s", limit)
}
