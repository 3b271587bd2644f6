// SPDX-License-Identifier: Apache-2.0

package types

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
)

// ErrMalformed is returned for bytes that are no BTF.
var ErrMalformed = errors.New("malformed BTF")

// Kinds of BTF types, as Documentation/bpf/btf.rst numbers them.
const (
	kindVoid = iota
	kindInt
	kindPointer
	kindArray
	kindStruct
	kindUnion
	kindEnum
	kindForward
	kindTypedef
	kindVolatile
	kindConst
	kindRestrict
	kindFunction
	kindPrototype
	kindVariable
	kindSection
	kindFloat
	kindDeclTag
	kindTypeTag
	kindEnum64
	kindEnd
)

const (
	btfMagic = 0xeb9f
	// btfLimit bounds the BTF that is read: ten times a kernel's.
	btfLimit   = 64 << 20
	headLength = 12
)

// blob is BTF as it lies in memory, with where each type begins.
type blob struct {
	types, strings []byte
	// offsets and names are by a type's number; number 0 is void.
	offsets, names []uint32
	// kinds are the numbers of the types of each kind that is looked for by name.
	kinds [kindEnd][]uint32
}

// soughtKinds are those.
const soughtKinds = 1<<kindInt | 1<<kindStruct | 1<<kindUnion | 1<<kindEnum | 1<<kindEnum64 | 1<<kindTypedef | 1<<kindFunction

// readAll reads BTF out of a file, or out of an ELF file's section.
func readAll(r io.ReaderAt) ([]byte, error) {
	var magic [4]byte
	if _, err := r.ReadAt(magic[:], 0); err != nil {
		return nil, fmt.Errorf("reading its first bytes: %w", err)
	}
	if string(magic[:]) == elf.ELFMAG {
		return readSection(r)
	}
	size := int64(btfLimit)
	switch sized := r.(type) {
	case interface{ Size() int64 }:
		size = sized.Size()
	case interface{ Stat() (fs.FileInfo, error) }:
		if info, err := sized.Stat(); err == nil && info.Size() > 0 {
			size = info.Size()
		}
	}
	var all bytes.Buffer
	if size < btfLimit {
		all.Grow(int(size) + bytes.MinRead)
	}
	if _, err := all.ReadFrom(io.NewSectionReader(r, 0, btfLimit)); err != nil {
		return nil, fmt.Errorf("reading all of it: %w", err)
	}
	return all.Bytes(), nil
}

func readSection(r io.ReaderAt) ([]byte, error) {
	file, err := elf.NewFile(r)
	if err != nil {
		return nil, fmt.Errorf("reading an ELF file: %w", err)
	}
	section := file.Section(".BTF")
	if section == nil {
		return nil, fmt.Errorf("an ELF file without a section .BTF: %w", ErrMalformed)
	}
	if section.Size > btfLimit {
		return nil, fmt.Errorf("a section .BTF of %d bytes: %w", section.Size, ErrMalformed)
	}
	data, err := section.Data()
	if err != nil {
		return nil, fmt.Errorf("reading the section .BTF: %w", err)
	}
	return data, nil
}

// parse finds where types begin, and checks that each lies wholly in the data.
func parse(data []byte) (*blob, error) {
	if len(data) < 24 || binary.LittleEndian.Uint16(data) != btfMagic {
		return nil, fmt.Errorf("no little-endian BTF: %w", ErrMalformed)
	}
	word := func(at int) uint64 { return uint64(binary.LittleEndian.Uint32(data[at:])) }
	header, size := word(4), uint64(len(data))
	typesFrom, typesEnd := header+word(8), header+word(8)+word(12)
	stringsFrom, stringsEnd := header+word(16), header+word(16)+word(20)
	if typesEnd > size || stringsEnd > size {
		return nil, fmt.Errorf("sections beyond its end: %w", ErrMalformed)
	}
	b := &blob{types: data[typesFrom:typesEnd], strings: data[stringsFrom:stringsEnd]}
	b.offsets = append(make([]uint32, 0, len(b.types)/24), 0)
	b.names = append(make([]uint32, 0, len(b.types)/24), 0)
	for at := 0; at < len(b.types); {
		if len(b.types)-at < headLength {
			return nil, fmt.Errorf("a type beyond the end: %w", ErrMalformed)
		}
		info := binary.LittleEndian.Uint32(b.types[at+4:])
		kind, length := info>>24&0x1f, int(info&0xffff)
		extent := headLength + bodyLength(kind, length)
		if kind == kindVoid || kind >= kindEnd || extent > len(b.types)-at {
			return nil, fmt.Errorf("type %d of kind %d at %d: %w", len(b.offsets), kind, at, ErrMalformed)
		}
		if soughtKinds>>kind&1 != 0 {
			b.kinds[kind] = append(b.kinds[kind], uint32(len(b.offsets)))
		}
		b.offsets = append(b.offsets, uint32(at))
		b.names = append(b.names, binary.LittleEndian.Uint32(b.types[at:]))
		at += extent
	}
	return b, nil
}

// bodyLength is how many bytes follow a type's first twelve.
func bodyLength(kind uint32, length int) int {
	switch kind {
	case kindInt, kindVariable, kindDeclTag:
		return 4
	case kindArray:
		return 12
	case kindStruct, kindUnion, kindSection, kindEnum64:
		return 12 * length
	case kindEnum, kindPrototype:
		return 8 * length
	}
	return 0
}

// record is one type as it lies in memory.
type record struct {
	name uint32
	kind uint32
	// flag is kind_flag; size is also the number of another type.
	flag   bool
	length int
	size   uint32
	body   []byte
}

// at is a type by its number; a number that does not exist is void.
func (b *blob) at(id uint32) record {
	if id == 0 || int(id) >= len(b.offsets) {
		return record{}
	}
	from := b.types[b.offsets[id]:]
	info := binary.LittleEndian.Uint32(from[4:])
	kind, length := info>>24&0x1f, int(info&0xffff)
	return record{
		name: binary.LittleEndian.Uint32(from), kind: kind, flag: info>>31 != 0, length: length,
		size: binary.LittleEndian.Uint32(from[8:]), body: from[headLength : headLength+bodyLength(kind, length)],
	}
}

// word is the i-th number of a type's body.
func (r *record) word(i int) uint32 { return binary.LittleEndian.Uint32(r.body[4*i:]) }

// text is a string by its offset.
func (b *blob) text(offset uint32) string {
	if int(offset) >= len(b.strings) {
		return ""
	}
	rest := b.strings[offset:]
	if end := bytes.IndexByte(rest, 0); end >= 0 {
		rest = rest[:end]
	}
	return string(rest)
}

// is tells whether the string at an offset is a name, without making it.
func (b *blob) is(offset uint32, name string) bool {
	end := int(offset) + len(name)
	return end < len(b.strings) && b.strings[end] == 0 && string(b.strings[offset:end]) == name
}

// find is the number of the first type with a name and one of some kinds, 0 for none.
func (b *blob) find(name string, kinds uint32) uint32 {
	first := uint32(0)
	if name == "" {
		return first
	}
	for kind := range uint32(kindEnd) {
		if kinds>>kind&1 == 0 {
			continue
		}
		for _, id := range b.kinds[kind] {
			if first != 0 && id > first {
				break
			}
			if b.is(b.names[id], name) {
				first = id
				break
			}
		}
	}
	return first
}
