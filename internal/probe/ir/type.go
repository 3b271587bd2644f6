// SPDX-License-Identifier: Apache-2.0

package ir

import "fmt"

// Kind is what sort of value an expression has.
type Kind uint8

// The kinds. Those up to Pointer are scalars.
const (
	Invalid Kind = iota
	Bool
	// Int is signed, Uint unsigned; both have 64 bits, however narrow the member was that they were loaded from.
	Int
	Uint
	// Duration is nanoseconds, signed.
	Duration
	Pointer
	// IP is 16 bytes in network order; version 4 is mapped (::ffff:a.b.c.d).
	IP
	// MAC is 6 bytes.
	MAC
	// Text is a string of at most Type.Size bytes, ended by its first zero byte or by its size; after that it is zero.
	Text
	// Bytes is Type.Size bytes as they are.
	Bytes
)

var kindNames = [...]string{"invalid", "bool", "int", "uint", "duration", "pointer", "ip", "mac", "string", "bytes"}

func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("kind %d", k)
}

// Scalar tells whether a value fits a register.
func (k Kind) Scalar() bool { return k >= Bool && k <= Pointer }

// Signed tells whether comparison, division and right shift mind the sign.
func (k Kind) Signed() bool { return k == Int || k == Duration }

// Hint says how a number is shown; it does not change what it is.
type Hint uint8

// The hints.
const (
	Plain Hint = iota
	// Port is a port in host order.
	Port
	// Owner is who holds a socket or runs: OwnerKind in the upper 8 bits, a cgroup's or network namespace's number below.
	Owner
	// Symbol is an address of kernel code.
	Symbol
	// Hex is shown as a hexadecimal number.
	Hex
	// Size is a number of bytes.
	Size
	// Stack is the number of a stack in the stacks map.
	Stack
)

// OwnerKind is what sort of thing holds a socket: see bpf/owner.h, whose numbers these are.
type OwnerKind uint8

// The kinds of owners, in the upper 8 bits of an Owner.
const (
	OwnerCgroup2 OwnerKind = 1
	OwnerCgroup1 OwnerKind = 2
	OwnerNetNS   OwnerKind = 3
)

// OwnerShift is by how much an owner's kind is shifted.
const OwnerShift = 56

// Type is the type of an expression.
type Type struct {
	Kind Kind
	// Size of Text and Bytes, bytes.
	Size int
	// Struct is what a pointer points to, without "struct"; empty for void.
	Struct string
	// Direct pointers may be read by plain loads, because the verifier knows their type; others only through helpers.
	Direct bool
	// Enum names the enumeration that a number comes from; its values are in Probe.Enums.
	Enum string
	Hint Hint
}

// Width is the number of bytes that a value takes in keys, values and events: a multiple of 8.
func (t Type) Width() int {
	if t.Kind.Scalar() {
		return 8
	}
	return (t.Bytes() + 7) &^ 7
}

// Bytes is the number of bytes of a wide value.
func (t Type) Bytes() int {
	switch t.Kind {
	case IP:
		return 16
	case MAC:
		return 6
	case Text, Bytes:
		return t.Size
	}
	return 8
}

func (t Type) String() string {
	switch t.Kind {
	case Pointer:
		if t.Struct == "" {
			return "pointer"
		}
		return "pointer to struct " + t.Struct
	case Text, Bytes:
		return fmt.Sprintf("%s of at most %d bytes", t.Kind, t.Size)
	}
	if t.Enum != "" {
		return "enum " + t.Enum
	}
	return t.Kind.String()
}
