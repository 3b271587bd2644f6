// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"net"
	"net/netip"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/model"
)

// ownTraffic knows the controller's addresses: a connection to one of them is Aeolus' own, at both its ends.
type ownTraffic struct {
	host  string
	port  uint16
	netns uint32
	known atomic.Pointer[map[netip.Addr]bool]
}

func newOwnTraffic(controller string, netns uint32) *ownTraffic {
	o := &ownTraffic{netns: netns}
	o.known.Store(&map[netip.Addr]bool{})
	host, port, err := net.SplitHostPort(controller)
	if err != nil {
		return o
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return o
	}
	o.host, o.port = host, uint16(number)
	if address, err := netip.ParseAddr(host); err == nil {
		o.known.Store(&map[netip.Addr]bool{address.Unmap(): true})
	}
	return o
}

// refresh looks the controller's name up. It keeps the old addresses where that does not work.
func (o *ownTraffic) refresh(ctx context.Context) {
	if _, err := netip.ParseAddr(o.host); err == nil || o.host == "" {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", o.host)
	if err != nil || len(found) == 0 {
		return
	}
	addresses := make(map[netip.Addr]bool, len(found))
	for _, address := range found {
		addresses[address.Unmap()] = true
	}
	o.known.Store(&addresses)
}

// has tells whether a connection is between Aeolus and the controller. A loopback address means another host in every
// namespace.
func (o *ownTraffic) has(owner model.Owner, local, remote netip.AddrPort) bool {
	return o.isController(owner, remote) || o.isController(owner, local)
}

func (o *ownTraffic) isController(owner model.Owner, end netip.AddrPort) bool {
	if o.port == 0 || end.Port() != o.port {
		return false
	}
	address := end.Addr().Unmap()
	if address.IsLoopback() && o.netns != 0 && owner.NetNS != o.netns {
		return false
	}
	return (*o.known.Load())[address]
}
