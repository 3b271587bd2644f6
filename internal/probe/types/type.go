// SPDX-License-Identifier: Apache-2.0

package types

import "strings"

// Kind is what sort of type something has, qualifiers and typedefs taken away.
type Kind uint8

// The kinds. Code is a function. Char is plain char alone: signed and unsigned ones are Int. Other is what no expression can read.
const (
	Void Kind = iota
	Int
	Bool
	Char
	Enum
	Pointer
	Struct
	Union
	Array
	Code
	Other
)

// Type is a kernel's type. Values of it belong to the Kernel that they come from.
type Type struct {
	Kind Kind
	// Name of a struct, union or enum without that word, or of an integer; empty for anonymous ones. Typedef is the first
	// name on the way, if any.
	Name, Typedef string
	// Size in bytes.
	Size int
	// Signed and BigEndian are of numbers; BigEndian are __be16, __be32 and __be64.
	Signed, BigEndian bool
	// User and PerCPU pointers point into a process' memory, and at an offset that each processor has its own of.
	User, PerCPU bool
	// Count of an Array's elements.
	Count int

	// id of a struct, union or enum; of is what a pointer points to or an array has.
	id, of uint32
	// bits is the width of an old-style bit field.
	bits int
}

// steps bounds how many typedefs and qualifiers are gone through: a malformed BTF may have a circle.
const steps = 64

// resolve is the type with a number.
func (k *Kernel) resolve(id uint32) Type {
	var t Type
	for range steps {
		r := k.blob.at(id)
		switch r.kind {
		case kindTypedef:
			name := k.blob.text(r.name)
			if t.Typedef == "" {
				t.Typedef = name
			}
			t.BigEndian = t.BigEndian || name == "__be16" || name == "__be32" || name == "__be64"
			id = r.size
		case kindConst, kindVolatile, kindRestrict, kindTypeTag:
			id = r.size
		default:
			k.fill(&t, id, &r)
			return t
		}
	}
	return Type{Kind: Other}
}

// fill adds what a type is once typedefs and qualifiers are off.
func (k *Kernel) fill(t *Type, id uint32, r *record) {
	t.id = id
	switch r.kind {
	case kindVoid:
		t.Kind = Void
	case kindInt:
		k.fillInt(t, r)
	case kindEnum, kindEnum64:
		t.Kind, t.Name, t.Size, t.Signed = Enum, k.blob.text(r.name), int(r.size), r.flag
	case kindPointer:
		t.Kind, t.Size, t.of = Pointer, 8, r.size
		k.tags(t)
	case kindStruct:
		t.Kind, t.Name, t.Size = Struct, k.blob.text(r.name), int(r.size)
	case kindUnion:
		t.Kind, t.Name, t.Size = Union, k.blob.text(r.name), int(r.size)
	case kindForward:
		t.Kind, t.Name = Struct, k.blob.text(r.name)
	case kindArray:
		t.Kind, t.of, t.Count = Array, r.word(0), int(r.word(2))
		if element := k.shallow(t.of); element > 0 && t.Count <= btfLimit/element {
			t.Size = element * t.Count
		}
	case kindPrototype:
		t.Kind = Code
	default:
		t.Kind = Other
	}
}

func (k *Kernel) fillInt(t *Type, r *record) {
	const encodingSigned, encodingBool = 1, 4
	encoding := r.word(0) >> 24 & 0xf
	t.Kind, t.Name, t.Size, t.Signed = Int, k.blob.text(r.name), int(r.size), encoding&encodingSigned != 0
	t.bits = int(r.word(0) & 0xff)
	switch {
	case encoding&encodingBool != 0:
		t.Kind = Bool
	case t.Name == "char" && t.Size == 1:
		t.Kind = Char
	case t.Size > 8 || t.Size&(t.Size-1) != 0 || t.Size == 0:
		t.Kind = Other
	}
}

// tags reads what stands between a pointer and what it points to.
func (k *Kernel) tags(t *Type) {
	id := t.of
	for range steps {
		r := k.blob.at(id)
		switch r.kind {
		case kindTypeTag:
			switch tag := k.blob.text(r.name); {
			case tag == "user" || strings.HasPrefix(tag, "address_space(1)"):
				t.User = true
			case tag == "percpu" || strings.HasPrefix(tag, "address_space(3)"):
				t.PerCPU = true
			}
		case kindConst, kindVolatile, kindRestrict, kindTypedef:
		default:
			return
		}
		id = r.size
	}
}

// shallow is the size of an array's element; arrays of arrays go down a few levels.
func (k *Kernel) shallow(id uint32) int {
	factor := 1
	for range steps {
		r := k.blob.at(id)
		switch r.kind {
		case kindTypedef, kindConst, kindVolatile, kindRestrict, kindTypeTag:
			id = r.size
		case kindArray:
			count := int(r.word(2))
			if count == 0 || factor > btfLimit/count {
				return 0
			}
			factor *= count
			id = r.word(0)
		case kindPointer:
			return 8 * factor
		case kindInt, kindEnum, kindEnum64, kindStruct, kindUnion, kindFloat:
			if size := int(r.size); size <= btfLimit/factor {
				return size * factor
			}
			return 0
		default:
			return 0
		}
	}
	return 0
}

// Elem is what a pointer points to, or an array has.
func (k *Kernel) Elem(t Type) Type {
	if t.Kind != Pointer && t.Kind != Array {
		return Type{Kind: Other}
	}
	element := k.resolve(t.of)
	if element.Kind == Struct && element.Size == 0 && element.Name != "" {
		// A declaration without the members: the struct itself may be known under its name.
		if whole, ok := k.Struct(element.Name); ok {
			return whole
		}
	}
	return element
}

// String is how C would write it.
func (t Type) String() string {
	switch t.Kind {
	case Void:
		return "void"
	case Struct:
		return "struct " + t.Name
	case Union:
		return "union " + t.Name
	case Enum:
		return "enum " + t.Name
	case Pointer:
		return "pointer"
	case Array:
		return "array"
	case Code:
		return "function"
	case Other:
		return "type that cannot be read"
	}
	if t.Typedef != "" {
		return t.Typedef
	}
	return t.Name
}
