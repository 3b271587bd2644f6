// SPDX-License-Identifier: Apache-2.0

package service

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"sync"
	"syscall"
)

// maxConnections bounds what one instance holds; more are closed at once and counted as shed.
const maxConnections = 512

// gate is a listener that can be shut, and that can reset what it let in. The server behind it notices neither.
type gate struct {
	address  string
	counters *served
	incoming chan net.Conn
	done     chan struct{}
	once     sync.Once
	loops    sync.WaitGroup

	mu          sync.Mutex
	listener    net.Listener // nil while refusing
	connections map[*gatedConn]struct{}
	faults      Faults
}

// newGate makes a gate that is shut until apply is called.
func newGate(address netip.AddrPort, counters *served) *gate {
	return &gate{
		address: address.String(), counters: counters,
		incoming: make(chan net.Conn), done: make(chan struct{}), connections: map[*gatedConn]struct{}{},
	}
}

// apply opens or shuts the gate and sets how many connections are reset.
func (g *gate) apply(faults Faults) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.faults = faults
	if faults.Refuse {
		g.shut()
		return nil
	}
	if g.listener != nil {
		return nil
	}
	listener, err := net.Listen("tcp4", g.address)
	if err != nil {
		return fmt.Errorf("listening on %s: %w", g.address, err)
	}
	g.listener = listener
	g.loops.Go(func() { g.accept(listener) })
	return nil
}

// shut closes the listener and every connection. The caller holds mu.
func (g *gate) shut() {
	if g.listener != nil {
		_ = g.listener.Close()
		g.listener = nil
	}
	for connection := range g.connections {
		_ = connection.Conn.Close()
	}
}

func (g *gate) accept(listener net.Listener) {
	for {
		raw, err := listener.Accept()
		if err != nil {
			return
		}
		g.counters.accepted.Add(1)
		connection := &gatedConn{Conn: raw, gate: g}
		if !g.admit(connection) {
			_ = raw.Close()
			continue
		}
		if g.unlucky(raw) {
			connection.reset()
			continue
		}
		select {
		case g.incoming <- connection:
		case <-g.done:
			_ = connection.Close()
			return
		}
	}
}

func (g *gate) admit(connection *gatedConn) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.connections) >= maxConnections {
		g.counters.shed.Add(1)
		return false
	}
	g.connections[connection] = struct{}{}
	return true
}

// unlucky draws whether a connection is reset now.
func (g *gate) unlucky(connection net.Conn) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.faults.ResetShare <= 0 || rand.Float64() >= g.faults.ResetShare {
		return false
	}
	peer, ok := connection.RemoteAddr().(*net.TCPAddr)
	return len(g.faults.ResetFrom) == 0 || ok && slices.Contains(g.faults.ResetFrom, peer.AddrPort().Addr().Unmap())
}

// Accept implements net.Listener.
func (g *gate) Accept() (net.Conn, error) {
	select {
	case connection := <-g.incoming:
		return connection, nil
	case <-g.done:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener: it ends the gate for good.
func (g *gate) Close() error {
	g.once.Do(func() { close(g.done) })
	g.mu.Lock()
	g.shut()
	g.mu.Unlock()
	g.loops.Wait()
	return nil
}

// Addr implements net.Listener.
func (g *gate) Addr() net.Addr {
	address, err := netip.ParseAddrPort(g.address)
	if err != nil {
		return &net.TCPAddr{}
	}
	return net.TCPAddrFromAddrPort(address)
}

// gatedConn is a connection that its gate may reset when something arrives by it.
type gatedConn struct {
	net.Conn
	gate *gate
}

// Read implements net.Conn.
func (c *gatedConn) Read(into []byte) (int, error) {
	n, err := c.Conn.Read(into)
	if n > 0 && c.gate.unlucky(c.Conn) {
		c.reset()
		return 0, syscall.ECONNRESET
	}
	return n, err
}

// reset ends the connection by a reset instead of in order.
func (c *gatedConn) reset() {
	if tcp, ok := c.Conn.(*net.TCPConn); ok && tcp.SetLinger(0) == nil {
		c.gate.counters.reset.Add(1)
	}
	_ = c.Close()
}

// Close implements net.Conn.
func (c *gatedConn) Close() error {
	c.gate.mu.Lock()
	delete(c.gate.connections, c)
	c.gate.mu.Unlock()
	return c.Conn.Close()
}
