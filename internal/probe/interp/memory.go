// SPDX-License-Identifier: Apache-2.0

package interp

import "sort"

// Memory is what addresses hold.
type Memory interface {
	// Read fills into with the bytes from address on, or tells that not all of them can be read.
	Read(address uint64, into []byte) bool
}

// Nothing is a memory of which nothing can be read.
type Nothing struct{}

// Read tells that nothing is there.
func (Nothing) Read(uint64, []byte) bool { return false }

// Segments is a memory of a few stretches of bytes.
type Segments struct {
	segments []segment
}

type segment struct {
	address uint64
	bytes   []byte
}

// Put lays bytes at an address. The bytes are not copied; stretches must not overlap.
func (s *Segments) Put(address uint64, bytes []byte) {
	at := sort.Search(len(s.segments), func(i int) bool { return s.segments[i].address > address })
	s.segments = append(s.segments, segment{})
	copy(s.segments[at+1:], s.segments[at:])
	s.segments[at] = segment{address: address, bytes: bytes}
}

// Read reads what lies within one stretch or several that touch.
func (s *Segments) Read(address uint64, into []byte) bool {
	for len(into) > 0 {
		at := sort.Search(len(s.segments), func(i int) bool { return s.segments[i].address > address }) - 1
		if at < 0 {
			return false
		}
		offset := address - s.segments[at].address
		if offset >= uint64(len(s.segments[at].bytes)) {
			return false
		}
		count := copy(into, s.segments[at].bytes[offset:])
		into, address = into[count:], address+uint64(count)
	}
	return true
}
