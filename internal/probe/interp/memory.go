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

// contextAddress is where OpRecord finds the context: no memory of a kernel is there.
const contextAddress = 0xffff_7fff_0000_0000

// withContext is a memory in which the context has an address.
type withContext struct {
	Memory
	context []byte
}

// Read reads from the context or from the memory round it.
func (m withContext) Read(address uint64, into []byte) bool {
	if offset := address - contextAddress; offset < uint64(len(m.context)) {
		return copy(into, m.context[offset:]) == len(into)
	}
	return m.Memory.Read(address, into)
}
