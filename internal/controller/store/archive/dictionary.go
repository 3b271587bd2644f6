// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"net/netip"
	"strings"
)

const recentValues = 256

// dictionary gives each value a number. Values are only appended, so a copy of the slice stays as it is.
type dictionary[V comparable] struct {
	codes  map[V]uint32
	values []V
	// recent saves most lookups: rows that follow each other share most values.
	recent [recentValues]struct {
		value V
		code  uint32
		used  bool
	}
	bytes int64
}

func newDictionary[V comparable]() *dictionary[V] { return &dictionary[V]{codes: map[V]uint32{}} }

// code gives a value's number. The slot says where to look first; keep makes a value's own copy.
func (d *dictionary[V]) code(value V, slot uint8, keep func(V) (V, int)) uint32 {
	recent := &d.recent[slot]
	if recent.used && recent.value == value {
		return recent.code
	}
	code, ok := d.codes[value]
	if !ok {
		own, size := keep(value)
		code = uint32(len(d.values))
		d.values = append(d.values, own)
		d.codes[own] = code
		// The value stands in the map and in the slice, and the map has room to spare.
		d.bytes += int64(size) + 96
		value = own
	} else {
		value = d.values[code]
	}
	recent.value, recent.code, recent.used = value, code, true
	return code
}

func textSlot(s string) uint8 {
	n := len(s)
	if n == 0 {
		return 0
	}
	return s[n-1] ^ s[n/2]<<3 ^ s[0]<<5 ^ uint8(n)
}

func keepText(s string) (string, int) { return strings.Clone(s), len(s) }

func addressSlot(a netip.Addr) uint8 {
	if a.Is4() {
		b := a.As4()
		return b[3] ^ b[2]<<3 ^ b[1]<<5
	}
	b := a.As16()
	return b[15] ^ b[14]<<3 ^ b[7]
}

func keepAddress(a netip.Addr) (netip.Addr, int) {
	if a.Zone() != "" {
		a = a.WithZone(strings.Clone(a.Zone()))
	}
	return a, 24
}
