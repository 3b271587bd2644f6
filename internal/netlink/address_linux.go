// SPDX-License-Identifier: Apache-2.0

package netlink

import (
	"fmt"
	"net"
	"net/netip"

	rtnl "github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// AddAddress gives a link an address and the route to its prefix. IPv6 addresses are usable at once: nobody else is
// asked whether the address is taken.
func (n *Namespace) AddAddress(link string, prefix netip.Prefix) error {
	return n.withLink(fmt.Sprintf("adding address %s to", prefix), link, func(l rtnl.Link) error {
		address := &rtnl.Addr{IPNet: toIPNet(prefix)}
		if prefix.Addr().Is6() {
			address.Flags = unix.IFA_F_NODAD
		}
		return rtnl.AddrAdd(l, address)
	})
}

// DeleteAddress takes an address from a link.
func (n *Namespace) DeleteAddress(link string, prefix netip.Prefix) error {
	return n.withLink(fmt.Sprintf("deleting address %s from", prefix), link, func(l rtnl.Link) error {
		return rtnl.AddrDel(l, &rtnl.Addr{IPNet: toIPNet(prefix)})
	})
}

// Addresses lists the addresses of all links.
func (n *Namespace) Addresses(options AddressOptions) ([]netip.Addr, error) {
	var addresses []netip.Addr
	err := n.Do(func() error {
		list, err := rtnl.AddrList(nil, rtnl.FAMILY_ALL)
		if err != nil {
			return fmt.Errorf("listing addresses of %s: %w", n, err)
		}
		for _, entry := range list {
			address, ok := netip.AddrFromSlice(entry.IP)
			if !ok || address.Unmap().IsLoopback() && !options.Loopback ||
				address.Unmap().IsLinkLocalUnicast() && !options.LinkLocal {
				continue
			}
			addresses = append(addresses, address.Unmap())
		}
		return nil
	})
	return addresses, err
}

func toIPNet(prefix netip.Prefix) *net.IPNet {
	address := prefix.Addr()
	return &net.IPNet{IP: address.AsSlice(), Mask: net.CIDRMask(prefix.Bits(), address.BitLen())}
}
