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

// ownTraffic knows where the agent reports to: a connection to one of these places is Aeolus' own, at both its ends.
type ownTraffic struct {
	netns  uint32
	places []*ownPlace
}

// ownPlace is a controller's or a collector's address.
type ownPlace struct {
	host  string
	port  uint16
	known atomic.Pointer[map[netip.Addr]bool]
}

// newOwnTraffic takes addresses host:port; those that cannot be read are nobody's.
func newOwnTraffic(netns uint32, addresses ...string) *ownTraffic {
	o := &ownTraffic{netns: netns}
	for i, address := range addresses {
		if i > 0 && address == addresses[0] {
			continue
		}
		if place := newOwnPlace(address); place != nil {
			o.places = append(o.places, place)
		}
	}
	return o
}

func newOwnPlace(address string) *ownPlace {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil || number == 0 {
		return nil
	}
	place := &ownPlace{host: host, port: uint16(number)}
	known := map[netip.Addr]bool{}
	if address, err := netip.ParseAddr(host); err == nil {
		known[address.Unmap()] = true
	}
	place.known.Store(&known)
	return place
}

// refresh looks the names up. It keeps the old addresses where that does not work.
func (o *ownTraffic) refresh(ctx context.Context) {
	for _, place := range o.places {
		place.refresh(ctx)
	}
}

func (p *ownPlace) refresh(ctx context.Context) {
	if _, err := netip.ParseAddr(p.host); err == nil || p.host == "" {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", p.host)
	if err != nil || len(found) == 0 {
		return
	}
	addresses := make(map[netip.Addr]bool, len(found))
	for _, address := range found {
		addresses[address.Unmap()] = true
	}
	p.known.Store(&addresses)
}

// has tells whether a connection is between Aeolus and one of the places. A loopback address means another host in
// every namespace.
func (o *ownTraffic) has(owner model.Owner, local, remote netip.AddrPort) bool {
	return o.holds(owner, remote) || o.holds(owner, local)
}

func (o *ownTraffic) holds(owner model.Owner, end netip.AddrPort) bool {
	address := end.Addr().Unmap()
	if address.IsLoopback() && o.netns != 0 && owner.NetNS != o.netns {
		return false
	}
	for _, place := range o.places {
		if end.Port() == place.port && (*place.known.Load())[address] {
			return true
		}
	}
	return false
}
