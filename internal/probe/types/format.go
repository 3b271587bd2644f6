// SPDX-License-Identifier: Apache-2.0

package types

import (
	"fmt"
	"strconv"
	"strings"
)

// Format is a tracepoint's record as tracefs describes it (events/CATEGORY/NAME/format).
type Format struct {
	Fields []FormatField
}

// FormatField is one member of a record.
type FormatField struct {
	Name string
	// Type is C's, without the array's length: "unsigned char", "const void *", "__data_loc char[]".
	Type         string
	Offset, Size int
	Signed       bool
	// Count is the array's length, 0 for none.
	Count int
}

// formatFields bounds how many fields a record may have: the kernel's have a few dozen.
const formatFields = 512

// ParseFormat reads the text that tracefs has for a tracepoint.
func ParseFormat(text string) (*Format, error) {
	var f Format
	for line := range strings.Lines(text) {
		declaration, ok := strings.CutPrefix(strings.TrimSpace(line), "field:")
		if !ok {
			continue
		}
		field, err := parseField(declaration)
		if err != nil {
			return nil, fmt.Errorf("reading the field %q: %w", declaration, err)
		}
		if f.Fields = append(f.Fields, field); len(f.Fields) > formatFields {
			return nil, fmt.Errorf("reading a format: more than %d fields", formatFields)
		}
	}
	if len(f.Fields) == 0 {
		return nil, fmt.Errorf("reading a format: no field in it")
	}
	return &f, nil
}

// parseField reads what follows "field:": "__u8 saddr[28];	offset:8;	size:28;	signed:0;".
func parseField(text string) (FormatField, error) {
	parts := strings.Split(text, ";")
	if len(parts) < 4 {
		return FormatField{}, fmt.Errorf("%d parts instead of four", len(parts))
	}
	var f FormatField
	for i, key := range []string{"offset:", "size:", "signed:"} {
		digits, ok := strings.CutPrefix(strings.TrimSpace(parts[i+1]), key)
		number, err := strconv.Atoi(digits)
		if !ok || err != nil || number < 0 || number > 1<<16 {
			return f, fmt.Errorf("no %s", strings.TrimSuffix(key, ":"))
		}
		switch i {
		case 0:
			f.Offset = number
		case 1:
			f.Size = number
		default:
			f.Signed = number != 0
		}
	}
	declaration := strings.TrimSpace(parts[0])
	split := strings.LastIndexAny(declaration, " *")
	if split < 0 {
		return f, fmt.Errorf("no name")
	}
	f.Type, f.Name = strings.TrimSpace(declaration[:split+1]), declaration[split+1:]
	if open := strings.IndexByte(f.Name, '['); open >= 0 {
		// The length may be a macro's name: then the size tells.
		length := strings.TrimSuffix(f.Name[open+1:], "]")
		f.Name = f.Name[:open]
		if count, err := strconv.Atoi(length); err == nil && count >= 0 {
			f.Count = count
		} else if element := wordSize(f.Type); element > 0 {
			f.Count = f.Size / element
		}
	}
	if f.Name == "" {
		return f, fmt.Errorf("no name")
	}
	return f, nil
}

// wordSize is the number of bytes of C's simple types, 0 for others.
func wordSize(name string) int {
	switch strings.TrimPrefix(name, "const ") {
	case "char", "unsigned char", "signed char", "u8", "__u8", "s8", "__s8", "uint8_t", "bool":
		return 1
	case "short", "unsigned short", "u16", "__u16", "s16", "__s16", "__be16", "uint16_t":
		return 2
	case "int", "unsigned int", "u32", "__u32", "s32", "__s32", "__be32", "uint32_t":
		return 4
	case "long", "unsigned long", "u64", "__u64", "s64", "__s64", "__be64", "uint64_t":
		return 8
	}
	return 0
}

// FormatMember is a field of a record as a member of a struct.
func (k *Kernel) FormatMember(f FormatField) Member {
	m := Member{Name: f.Name, Offset: f.Offset}
	base := strings.TrimSpace(strings.TrimPrefix(f.Type, "const "))
	switch {
	case strings.HasPrefix(base, "__data_loc") || strings.HasPrefix(base, "__rel_loc"):
		m.Type = Type{Kind: Int, Size: 4, Name: "unsigned int"}
		m.Name = strings.Fields(base)[0] + "_" + f.Name
	case strings.HasSuffix(base, "*"):
		m.Type = k.formatPointer(strings.TrimSpace(strings.TrimSuffix(base, "*")))
	default:
		m.Type = k.formatNumber(base, f)
	}
	return m
}

func (k *Kernel) formatPointer(to string) Type {
	t := Type{Kind: Pointer, Size: 8}
	name := strings.TrimPrefix(to, "const ")
	if tag, ok := strings.CutPrefix(name, "struct "); ok {
		t.of, _ = k.find(tag, 1<<kindStruct)
	} else if name == "char" {
		t.of, _ = k.find("char", 1<<kindInt)
	}
	return t
}

// PointerTo is a pointer to a struct of a name; to nothing known where the kernel has no such struct.
func (k *Kernel) PointerTo(name string) Type { return k.formatPointer("struct " + name) }

func (k *Kernel) formatNumber(base string, f FormatField) Type {
	t := Type{Kind: Int, Name: base, Size: f.Size, Signed: f.Signed}
	t.BigEndian = base == "__be16" || base == "__be32" || base == "__be64"
	switch {
	case f.Count > 0:
		t = Type{Kind: Array, Count: f.Count, Size: f.Size}
		if f.Size == f.Count {
			name := "unsigned char"
			if base == "char" {
				name = base
			}
			t.of, _ = k.find(name, 1<<kindInt)
		}
	case base == "bool":
		t.Kind = Bool
	case strings.HasPrefix(base, "enum "):
		if id, ok := k.find(strings.TrimPrefix(base, "enum "), 1<<kindEnum|1<<kindEnum64); ok {
			t = k.resolve(id)
		}
	}
	if t.Kind == Int && (f.Size > 8 || f.Size&(f.Size-1) != 0 || f.Size == 0) {
		t.Kind = Other
	}
	return t
}
