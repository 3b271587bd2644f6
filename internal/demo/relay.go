// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/netlink"
)

const (
	// maxHeld bounds how many packets a relay holds in each direction; more are dropped, as a full queue would.
	maxHeld = 2048
	// maxPacket is the largest packet that a tun device hands over.
	maxPacket = 64 << 10
)

// relay is a longer way between two instances: each routes its packets to the other into a tun device of its own, and
// the relay carries them from one device to the other, each packet a fixed time later.
type relay struct {
	ends    [2]*os.File
	delay   time.Duration
	dropped atomic.Uint64
	pumps   sync.WaitGroup
	stop    chan struct{}
}

// relayEnd is where a relay attaches.
type relayEnd struct {
	namespace *netlink.Namespace
	address   netip.Addr
}

// startRelay puts a relay between two instances. The device name must be unused in both namespaces.
func startRelay(device string, client, server relayEnd, delay time.Duration) (*relay, error) {
	r := &relay{delay: delay, stop: make(chan struct{})}
	var err error
	if r.ends[0], err = client.namespace.AddTun(device); err != nil {
		return nil, err
	}
	if r.ends[1], err = server.namespace.AddTun(device); err != nil {
		return nil, errors.Join(err, r.ends[0].Close())
	}
	r.pumps.Go(func() { r.pump(r.ends[0], r.ends[1]) })
	r.pumps.Go(func() { r.pump(r.ends[1], r.ends[0]) })
	for _, attach := range []struct {
		here  relayEnd
		there netip.Addr
	}{{client, server.address}, {server, client.address}} {
		route := netlink.Route{Destination: netip.PrefixFrom(attach.there, attach.there.BitLen()), Link: device}
		err := attach.here.namespace.SetUp(device)
		if err == nil {
			err = attach.here.namespace.AddRoute(route)
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("attaching relay: %w", err), r.close())
		}
	}
	return r, nil
}

// close takes the relay away; devices and routes go with it, and packets take the short way again.
func (r *relay) close() error {
	close(r.stop)
	err := errors.Join(r.ends[0].Close(), r.ends[1].Close())
	r.pumps.Wait()
	return err
}

type heldPacket struct {
	bytes []byte
	due   time.Time
}

// pump carries packets one way until the device they come from is closed.
func (r *relay) pump(from io.Reader, to io.Writer) {
	held := make(chan heldPacket, maxHeld)
	r.pumps.Go(func() { r.deliver(held, to) })
	defer close(held)
	buffer := make([]byte, maxPacket)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		select {
		case held <- heldPacket{bytes: append([]byte(nil), buffer[:n]...), due: time.Now().Add(r.delay)}:
		default:
			r.dropped.Add(1)
		}
	}
}

func (r *relay) deliver(held <-chan heldPacket, to io.Writer) {
	for packet := range held {
		select {
		case <-time.After(time.Until(packet.due)):
		case <-r.stop:
			return
		}
		// A packet that the device does not take is lost, as packets are.
		_, _ = to.Write(packet.bytes)
	}
}
