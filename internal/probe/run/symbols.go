// SPDX-License-Identifier: Apache-2.0

package run

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
)

// ErrHidden goes with symbols whose addresses the kernel does not tell.
var ErrHidden = errors.New("the kernel hides its addresses (kernel.kptr_restrict)")

// Symbols are the kernel's functions by their addresses.
type Symbols struct {
	addresses []uint64
	// names holds all names in one piece; starts[i] is where the one of addresses[i] begins.
	names  []byte
	starts []uint32
}

// mostSymbols bounds how many are kept: a kernel with all its modules has a quarter of that.
const mostSymbols = 1 << 20

// LoadSymbols reads /proc/kallsyms.
func LoadSymbols() (*Symbols, error) {
	file, err := os.Open("/proc/kallsyms")
	if err != nil {
		return nil, fmt.Errorf("reading the kernel's symbols: %w", err)
	}
	defer func() { _ = file.Close() }()
	return ReadSymbols(file)
}

// ReadSymbols reads symbols as /proc/kallsyms has them: address, type, name. Those of data are left out.
func ReadSymbols(r io.Reader) (*Symbols, error) {
	s := &Symbols{}
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 64<<10), 64<<10)
	hidden := 0
	for lines.Scan() && len(s.addresses) < mostSymbols {
		address, kind, name, ok := parseSymbol(lines.Bytes())
		if !ok {
			continue
		}
		if address == 0 {
			hidden++
			continue
		}
		if kind != 't' && kind != 'T' && kind != 'w' && kind != 'W' {
			continue
		}
		s.addresses = append(s.addresses, address)
		s.starts = append(s.starts, uint32(len(s.names)))
		s.names = append(s.names, name...)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("reading the kernel's symbols: %w", err)
	}
	if len(s.addresses) == 0 && hidden > 0 {
		return nil, fmt.Errorf("reading the kernel's symbols: %w", ErrHidden)
	}
	s.sort()
	return s, nil
}

// parseSymbol reads "ffffffff81000000 T name [module]".
func parseSymbol(line []byte) (address uint64, kind byte, name []byte, ok bool) {
	first, rest, found := bytes.Cut(line, []byte{' '})
	if !found || len(rest) < 3 || rest[1] != ' ' {
		return 0, 0, nil, false
	}
	address, err := strconv.ParseUint(string(first), 16, 64)
	if err != nil {
		return 0, 0, nil, false
	}
	name = rest[2:]
	if end := bytes.IndexAny(name, "\t "); end >= 0 {
		name = name[:end]
	}
	return address, rest[0], name, len(name) > 0
}

// sort orders the symbols by address: modules stand behind the kernel in the file, and anywhere in memory.
func (s *Symbols) sort() {
	order := make([]int, len(s.addresses))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case s.addresses[a] < s.addresses[b]:
			return -1
		case s.addresses[a] > s.addresses[b]:
			return 1
		}
		return 0
	})
	sorted := Symbols{
		addresses: make([]uint64, 0, len(order)), starts: make([]uint32, 0, len(order)+1), names: make([]byte, 0, len(s.names)),
	}
	for _, i := range order {
		end := uint32(len(s.names))
		if i+1 < len(s.starts) {
			end = s.starts[i+1]
		}
		sorted.addresses = append(sorted.addresses, s.addresses[i])
		sorted.starts = append(sorted.starts, uint32(len(sorted.names)))
		sorted.names = append(sorted.names, s.names[s.starts[i]:end]...)
	}
	sorted.starts = append(sorted.starts, uint32(len(sorted.names)))
	*s = sorted
}

// longestFunction bounds how far behind a symbol an address may be to belong to it.
const longestFunction = 1 << 20

// Find gives the function that an address lies in, and how far.
func (s *Symbols) Find(address uint64) (name string, offset uint64, ok bool) {
	if s == nil {
		return "", 0, false
	}
	at, exact := slices.BinarySearch(s.addresses, address)
	if !exact {
		at--
	}
	// The first of several names for one address.
	for at > 0 && s.addresses[at-1] == s.addresses[at] {
		at--
	}
	if at < 0 || address-s.addresses[at] > longestFunction {
		return "", 0, false
	}
	return string(s.names[s.starts[at]:s.starts[at+1]]), address - s.addresses[at], true
}

// noSymbol stands for an address that lies in no function that is known.
const noSymbol = "unknown"

// Name is the function that an address lies in. An address that lies in none is not told: it may be that of data, which is
// only for those who may see raw members.
func (s *Symbols) Name(address uint64) string {
	name, _, ok := s.Find(address)
	if !ok {
		return noSymbol
	}
	return name
}
