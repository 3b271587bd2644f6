// SPDX-License-Identifier: Apache-2.0

package service

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"time"
)

// Domain is where the shop's names live: payment.shop.internal.
const Domain = "shop.internal."

const (
	lookupTimeout  = 500 * time.Millisecond
	lookupValidity = 2 * time.Second
)

// directory finds services' addresses. It remembers them for a moment, and goes on with old ones when the name server
// fails: a failing name server is seen in its own answers, not in the connections of the shop.
type directory struct {
	resolver *net.Resolver
	meter    *meter

	mu    sync.Mutex
	known map[string]*known
}

type known struct {
	addresses []netip.Addr
	until     time.Time
}

func newDirectory(server netip.AddrPort) *directory {
	return &directory{
		resolver: &net.Resolver{
			PreferGo: true,
			Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
				connection, err := (&net.Dialer{}).DialContext(ctx, "udp4", server.String())
				if udp, ok := connection.(*net.UDPConn); ok {
					return lookupConn{udp}, nil
				}
				return nil, err
			},
		},
		meter: &meter{},
		known: map[string]*known{},
	}
}

// lookupConn gives up when the directory does: the resolver would go on waiting as long as the host's own configuration
// says.
type lookupConn struct{ *net.UDPConn }

// SetDeadline implements net.Conn.
func (c lookupConn) SetDeadline(deadline time.Time) error {
	if latest := time.Now().Add(lookupTimeout); deadline.IsZero() || deadline.After(latest) {
		deadline = latest
	}
	return c.UDPConn.SetDeadline(deadline)
}

// pick answers one of a service's addresses, another one each time if there are several.
func (d *directory) pick(ctx context.Context, service string) (netip.Addr, error) {
	addresses, err := d.lookup(ctx, service)
	if err != nil {
		return netip.Addr{}, err
	}
	return addresses[rand.IntN(len(addresses))], nil
}

func (d *directory) lookup(ctx context.Context, service string) ([]netip.Addr, error) {
	d.mu.Lock()
	old := d.known[service]
	if old != nil {
		if time.Now().Before(old.until) {
			defer d.mu.Unlock()
			return old.addresses, nil
		}
		// Others go on with the old addresses while this caller asks.
		old.until = time.Now().Add(lookupValidity)
	}
	d.mu.Unlock()

	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	started := time.Now()
	addresses, err := d.resolver.LookupNetIP(ctx, "ip4", service+"."+Domain)
	d.meter.finish(err, time.Since(started))

	d.mu.Lock()
	defer d.mu.Unlock()
	if err != nil && old != nil {
		return old.addresses, nil
	}
	if err != nil {
		return nil, fmt.Errorf("looking up %s: %w", service, err)
	}
	d.known[service] = &known{addresses: addresses, until: time.Now().Add(lookupValidity)}
	return addresses, nil
}

// pickPort answers one of a service's addresses with its port.
func (d *directory) pickPort(ctx context.Context, call Call) (string, error) {
	address, err := d.pick(ctx, call.To)
	return netip.AddrPortFrom(address.Unmap(), call.Port).String(), err
}

// dial connects to an address and counts what goes over the connection.
func dial(ctx context.Context, address string, m *meter) (net.Conn, error) {
	m.dialled.Add(1)
	connection, err := (&net.Dialer{}).DialContext(ctx, "tcp4", address)
	if err != nil {
		return nil, err
	}
	m.connected.Add(1)
	return &countedConn{Conn: connection, meter: m}, nil
}

type countedConn struct {
	net.Conn
	meter *meter
}

// Read implements net.Conn.
func (c *countedConn) Read(into []byte) (int, error) {
	n, err := c.Conn.Read(into)
	c.meter.bytesIn.Add(uint64(n))
	return n, err
}

// Write implements net.Conn.
func (c *countedConn) Write(from []byte) (int, error) {
	n, err := c.Conn.Write(from)
	c.meter.bytesOut.Add(uint64(n))
	return n, err
}
