// SPDX-License-Identifier: Apache-2.0

package netlink

import (
	"errors"
	"fmt"

	rtnl "github.com/vishvananda/netlink"
)

// AddVeth makes a pair of links, one end here and the other in the peer namespace, both down.
func (n *Namespace) AddVeth(name string, peer *Namespace, peerName string) error {
	return n.Do(func() error {
		attributes := rtnl.NewLinkAttrs()
		attributes.Name = name
		veth := &rtnl.Veth{LinkAttrs: attributes, PeerName: peerName, PeerNamespace: rtnl.NsFd(int(peer.file.Fd()))}
		if err := rtnl.LinkAdd(veth); err != nil {
			return fmt.Errorf("adding veth pair %s and %s: %w", name, peerName, err)
		}
		return nil
	})
}

// SetUp brings a link up.
func (n *Namespace) SetUp(link string) error {
	return n.withLink("bringing up", link, rtnl.LinkSetUp)
}

// SetDown takes a link down.
func (n *Namespace) SetDown(link string) error {
	return n.withLink("taking down", link, rtnl.LinkSetDown)
}

// SetMTU sets the largest packet that a link takes.
func (n *Namespace) SetMTU(link string, bytes int) error {
	return n.withLink("setting the MTU of", link, func(l rtnl.Link) error { return rtnl.LinkSetMTU(l, bytes) })
}

// DeleteLink removes a link, and its peer if it is one of a pair. One that is gone already is no error.
func (n *Namespace) DeleteLink(link string) error {
	err := n.withLink("deleting", link, rtnl.LinkDel)
	if errors.Is(err, ErrNoLink) {
		return nil
	}
	return err
}

// Links lists the names of the namespace's links.
func (n *Namespace) Links() ([]string, error) {
	var names []string
	err := n.Do(func() error {
		links, err := rtnl.LinkList()
		if err != nil {
			return fmt.Errorf("listing links of %s: %w", n, err)
		}
		for _, link := range links {
			names = append(names, link.Attrs().Name)
		}
		return nil
	})
	return names, err
}

// withLink calls f inside the namespace with one of its links.
func (n *Namespace) withLink(doing, name string, f func(rtnl.Link) error) error {
	return n.Do(func() error {
		link, err := rtnl.LinkByName(name)
		if _, missing := errors.AsType[rtnl.LinkNotFoundError](err); missing {
			err = ErrNoLink
		}
		if err == nil {
			err = f(link)
		}
		if err != nil {
			return fmt.Errorf("%s link %s: %w", doing, name, err)
		}
		return nil
	})
}
