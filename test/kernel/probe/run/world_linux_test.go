// SPDX-License-Identifier: Apache-2.0

package run_test

import (
	"net"

	"github.com/aeolus-ebpf/aeolus/internal/netlink"
)

// world is all the traffic there is: in a namespace of its own, and a little at home, for hooks that belong to an
// interface or a control group.
type world struct {
	traffic, home *traffic
	// listener stays open at home; listening is its port.
	listener  *net.TCPListener
	listening uint16
}

// here is the condition that something was in the namespace.
func (w *world) here() is { return is{"netns", uint64(w.traffic.ns.Inode())} }

func newWorld() (*world, error) {
	inside, err := newTraffic()
	if err != nil {
		return nil, err
	}
	ns, err := netlink.Current()
	if err != nil {
		return nil, err
	}
	w := &world{traffic: inside, home: &traffic{ns: ns}}
	w.listener, w.listening, err = w.home.listen(loopback4)
	return w, err
}

// run makes all the traffic.
func (w *world) run() error {
	if err := w.traffic.run(); err != nil {
		return err
	}
	if err := w.home.connections(loopback4, orderly4, &w.home.port4); err != nil {
		return err
	}
	w.home.closed = w.home.port4
	return w.home.datagrams()
}

func (w *world) close() error {
	_ = w.listener.Close()
	_ = w.home.ns.Close()
	return w.traffic.ns.Close()
}
