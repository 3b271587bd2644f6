// SPDX-License-Identifier: Apache-2.0

package netlink

import "net/netip"

// Route is where packets to a prefix go.
type Route struct {
	// Destination is the prefix; 0.0.0.0/0 or ::/0 for the default route.
	Destination netip.Prefix
	// Gateway and Link may be given both, or one of them.
	Gateway netip.Addr
	Link    string
	// Unreachable makes programs that connect to the prefix fail at once.
	Unreachable bool
}
