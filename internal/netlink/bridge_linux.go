// SPDX-License-Identifier: Apache-2.0

package netlink

import (
	"fmt"

	rtnl "github.com/vishvananda/netlink"
)

// AddBridge makes a bridge, down.
func (n *Namespace) AddBridge(name string) error {
	return n.Do(func() error {
		attributes := rtnl.NewLinkAttrs()
		attributes.Name = name
		if err := rtnl.LinkAdd(&rtnl.Bridge{LinkAttrs: attributes}); err != nil {
			return fmt.Errorf("adding bridge %s: %w", name, err)
		}
		return nil
	})
}

// AddToBridge makes a link a port of a bridge.
func (n *Namespace) AddToBridge(bridge, link string) error {
	return n.withLink("adding to bridge "+bridge, link, func(port rtnl.Link) error {
		master, err := rtnl.LinkByName(bridge)
		if err != nil {
			return fmt.Errorf("finding the bridge: %w", err)
		}
		return rtnl.LinkSetMaster(port, master)
	})
}
