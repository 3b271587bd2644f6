// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"hash/fnv"
	"net/netip"
)

// networkBits is the length of a shop's network prefix.
const networkBits = 16

// subnet is where a shop lives. It exists in its own namespaces alone, so no other can be in its way; but shops of
// different names have different ones, so that whoever watches several at once can tell their addresses apart.
type subnet struct {
	second byte
}

func subnetOf(shop string) subnet {
	if shop == DefaultName {
		return subnet{77}
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(shop))
	return subnet{byte(128 + h.Sum32()%96)}
}

// instance is the address of a service's n-th instance, counted from 1.
func (s subnet) instance(serviceIndex, n int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, s.second, byte(serviceIndex + 1), byte(n)})
}

// virtual is the address of a service that no instance has.
func (s subnet) virtual(serviceIndex int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, s.second, 255, byte(serviceIndex + 1)})
}
