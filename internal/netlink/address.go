// SPDX-License-Identifier: Apache-2.0

package netlink

// AddressOptions choose which of a namespace's addresses are listed.
type AddressOptions struct {
	// Loopback lists 127.0.0.0/8 and ::1 too.
	Loopback bool
	// LinkLocal lists fe80::/10 and 169.254.0.0/16 too: they mean something on their link alone.
	LinkLocal bool
}
