// SPDX-License-Identifier: Apache-2.0

package reduce

import (
	"net/netip"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/graph"
)

// maxClaims bounds who is remembered for one address or port.
const maxClaims = 4

// scope tells apart addresses that mean something only within one network namespace. It is zero for all others.
type scope struct {
	node  string
	netns uint32
}

// scopeOf gives the scope in which an address is to be understood, as a socket of that namespace uses it.
func scopeOf(address netip.Addr, node string, netns uint32) scope {
	if address.IsLoopback() || address.IsLinkLocalUnicast() || address.IsUnspecified() {
		return scope{node, netns}
	}
	return scope{}
}

type placeKey struct {
	scope   scope
	address netip.Addr
	port    uint16
}

// claim says who was at a place, and since when.
type claim struct {
	node  string
	netns uint32
	who   *graph.Node
	from  time.Time
	seen  time.Time
}

// book remembers who is where. Entries are kept after their owner has gone, so that a killed server is still named,
// until somebody else claims the place.
type book struct {
	max       int
	places    map[placeKey][]claim
	ports     map[placeKey][]claim
	forgotten uint64
}

func newBook(limit int) *book {
	return &book{max: limit, places: map[placeKey][]claim{}, ports: map[placeKey][]claim{}}
}

// own notes that an address belongs to a namespace, and to which workload, where there is only one.
func (b *book) own(key placeKey, c claim) { b.note(b.places, key, c) }

// listen notes who listens on, or has served from, an address and port.
func (b *book) listen(key placeKey, c claim) { b.note(b.ports, key, c) }

func (b *book) note(table map[placeKey][]claim, key placeKey, c claim) {
	claims, ok := table[key]
	if !ok && len(table) >= b.max {
		b.makeRoom(table)
	}
	for i := range claims {
		if claims[i].node != c.node || claims[i].netns != c.netns || claims[i].who != c.who {
			continue
		}
		if i == len(claims)-1 {
			if c.seen.After(claims[i].seen) {
				claims[i].seen = c.seen
			}
			return
		}
		claims = append(claims[:i], claims[i+1:]...)
		break
	}
	if len(claims) >= maxClaims {
		claims = append(claims[:0], claims[1:]...)
	}
	table[key] = append(claims, c)
}

// makeRoom forgets the entry that is the oldest of a few; to look at all would make a flood of addresses expensive.
func (b *book) makeRoom(table map[placeKey][]claim) {
	var oldest placeKey
	var least time.Time
	looked := 0
	for key, claims := range table {
		seen := claims[len(claims)-1].seen
		if looked == 0 || seen.Before(least) {
			oldest, least = key, seen
		}
		if looked++; looked == 16 {
			break
		}
	}
	delete(table, oldest)
	b.forgotten++
}

// at chooses the claim that held at a time; of several, one made by the same node.
func at(claims []claim, when time.Time, node string) (claim, bool) {
	var best claim
	found := false
	for i := len(claims) - 1; i >= 0; i-- {
		c := claims[i]
		switch {
		case !found:
			best, found = c, true
		case best.from.After(when) && !c.from.After(when):
			best = c
		case best.node != node && c.node == node && !c.from.After(when):
			best = c
		}
	}
	return best, found
}

// server names who serves an address and port, as seen from a namespace.
func (b *book) server(place netip.AddrPort, node string, netns uint32, when time.Time) *graph.Node {
	listener, owner := b.listener(place, node, netns, when)
	if listener != nil {
		return listener
	}
	return owner
}

// listener names who listens on, or has served from, an address and port, and who owns the address.
func (b *book) listener(place netip.AddrPort, node string, netns uint32, when time.Time) (listener, owner *graph.Node) {
	where := scopeOf(place.Addr(), node, netns)
	key := placeKey{where, place.Addr(), place.Port()}
	if c, ok := at(b.ports[key], when, node); ok && c.who != nil {
		return c.who, nil
	}
	held, known := at(b.places[placeKey{where, place.Addr(), 0}], when, node)
	if !known && where != (scope{}) {
		// A loopback address needs nobody to say that it belongs to its namespace.
		held, known = claim{node: node, netns: netns}, true
	}
	if !known {
		return nil, nil
	}
	for _, any := range [...]netip.Addr{netip.IPv4Unspecified(), netip.IPv6Unspecified()} {
		if place.Addr().Is6() && any.Is4() {
			continue
		}
		key = placeKey{scope{held.node, held.netns}, any, place.Port()}
		if c, ok := at(b.ports[key], when, node); ok && c.who != nil {
			return c.who, held.who
		}
	}
	return nil, held.who
}

// listens tells whether somebody listens, or has served, on an address and port of a namespace.
func (b *book) listens(local netip.AddrPort, node string, netns uint32) bool {
	for _, key := range [...]placeKey{
		{scopeOf(local.Addr(), node, netns), local.Addr(), local.Port()},
		{scope{node, netns}, netip.IPv4Unspecified(), local.Port()},
		{scope{node, netns}, netip.IPv6Unspecified(), local.Port()},
	} {
		if len(b.ports[key]) > 0 {
			return true
		}
	}
	return false
}

// client names who an address belongs to, whatever the port.
func (b *book) client(address netip.Addr, node string, netns uint32, when time.Time) *graph.Node {
	owner, ok := at(b.places[placeKey{scopeOf(address, node, netns), address, 0}], when, node)
	if !ok {
		return nil
	}
	return owner.who
}
