// SPDX-License-Identifier: Apache-2.0

package netlink

import (
	"errors"
	"fmt"
	"net/netip"

	rtnl "github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// AddRoute adds a route. It replaces one to the same destination.
func (n *Namespace) AddRoute(r Route) error {
	return n.changeRoute("adding", r, rtnl.RouteReplace)
}

// DeleteRoute takes a route away.
func (n *Namespace) DeleteRoute(r Route) error {
	return n.changeRoute("deleting", r, rtnl.RouteDel)
}

func (n *Namespace) changeRoute(doing string, r Route, change func(*rtnl.Route) error) error {
	return n.Do(func() error {
		route := &rtnl.Route{Dst: toIPNet(r.Destination.Masked())}
		if r.Gateway.IsValid() {
			route.Gw = r.Gateway.AsSlice()
		}
		if r.Unreachable {
			route.Type = unix.RTN_UNREACHABLE
		}
		if r.Link != "" {
			link, err := rtnl.LinkByName(r.Link)
			if err != nil {
				return fmt.Errorf("%s route to %s: finding link %s: %w", doing, r.Destination, r.Link, err)
			}
			route.LinkIndex = link.Attrs().Index
			if !r.Gateway.IsValid() && r.Destination.Addr().Is4() {
				route.Scope = rtnl.SCOPE_LINK
			}
		}
		if err := change(route); err != nil {
			return fmt.Errorf("%s route to %s: %w", doing, r.Destination, err)
		}
		return nil
	})
}

// NoRoute asks the kernel's routing tables of the namespace whether a program there that connects to remote is turned
// away for want of a route. A link-local address without a zone has no answer, which counts as a route.
func (n *Namespace) NoRoute(remote netip.Addr) (bool, error) {
	remote = remote.Unmap()
	if remote.IsLinkLocalUnicast() && remote.Is6() && remote.Zone() == "" {
		return false, nil
	}
	options := &rtnl.RouteGetOptions{Oif: remote.Zone()}
	var lookup error
	err := n.Do(func() error {
		_, lookup = rtnl.RouteGetWithOptions(remote.AsSlice(), options)
		return nil
	})
	if err != nil {
		return false, err
	}
	switch {
	case lookup == nil:
		return false, nil
	case errors.Is(lookup, unix.ENETUNREACH), errors.Is(lookup, unix.EHOSTUNREACH):
		return true, nil
	}
	return false, fmt.Errorf("looking up the route to %s in %s: %w", remote, n, lookup)
}
