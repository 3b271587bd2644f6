// SPDX-License-Identifier: Apache-2.0

// Package protoshape counts what is in an encoded protobuf message before it is decoded. A body of a few megabytes can hold
// millions of messages of two bytes each, which take a hundred times as much memory once they are decoded, or messages
// within messages so deep that a decoder that calls itself ends the process.
package protoshape

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Shape says what the fields of a message are, as far as they are messages, or cost memory in another way.
type Shape struct {
	// Part is what the message counts as: an index into the counts.
	Part int
	// Opaque is what is counted and not looked into.
	Opaque bool
	Fields [16]*Shape
}

// Leaf is a field that is counted and not looked into.
func Leaf(part int) *Shape { return &Shape{Part: part, Opaque: true} }

// Message is a message with the fields that matter, by number.
func Message(part int, fields map[int]*Shape) *Shape {
	made := &Shape{Part: part}
	for number, field := range fields {
		made.Fields[number] = field
	}
	return made
}

// Attributes is a field with OpenTelemetry's attributes: pairs of key and value, where a value can hold values, or pairs.
func Attributes(part int) *Shape {
	attribute, _ := attributes(part)
	return attribute
}

// Value is a field with a value such as attributes have.
func Value(part int) *Shape {
	_, value := attributes(part)
	return value
}

func attributes(part int) (attribute, value *Shape) {
	value = &Shape{Part: part}
	attribute = Message(part, map[int]*Shape{2: value})
	value.Fields[5] = Message(part, map[int]*Shape{1: value})
	value.Fields[6] = Message(part, map[int]*Shape{1: attribute})
	return attribute, value
}

// maxDepth is how deep messages may stand in one another.
const maxDepth = 32

// ErrMalformed is a message that is not valid protobuf; ErrTooMany one that has more of a part than allowed.
var (
	ErrMalformed = errors.New("the message is not valid protobuf")
	ErrTooMany   = errors.New("the request is too large")
)

// Bounds are how many there may be of each part, and what the parts are called.
type Bounds struct {
	Most  []int
	Names []string
}

// Count adds up the parts of an encoded message. It gives up on one that has more of a part than the bounds allow. What is
// opaque or has no shape is not looked at: the decoder may still find the message malformed.
func (s *Shape) Count(b []byte, into []int, bounds Bounds) error { return s.count(b, into, &bounds, 0) }

func (s *Shape) count(b []byte, into []int, bounds *Bounds, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("%w: messages stand in one another more than %d times", ErrTooMany, maxDepth)
	}
	for len(b) > 0 {
		tag, n := uvarint(b)
		if n <= 0 || tag>>3 == 0 || tag>>3 > 1<<29-1 {
			return ErrMalformed
		}
		content, rest, ok := value(b[n:], tag&7)
		if !ok {
			return ErrMalformed
		}
		b = rest
		if tag&7 != 2 || tag>>3 >= uint64(len(s.Fields)) {
			continue
		}
		field := s.Fields[tag>>3]
		if field == nil {
			continue
		}
		if into[field.Part]++; into[field.Part] > bounds.Most[field.Part] {
			return fmt.Errorf("%w: more than %d %s", ErrTooMany, bounds.Most[field.Part], bounds.Names[field.Part])
		}
		if field.Opaque {
			continue
		}
		if err := field.count(content, into, bounds, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// value cuts off the value of a field.
func value(b []byte, kind uint64) (content, rest []byte, ok bool) {
	size := uint64(0)
	switch kind {
	case 0:
		_, n := uvarint(b)
		if n <= 0 {
			return nil, nil, false
		}
		return nil, b[n:], true
	case 1:
		size = 8
	case 5:
		size = 4
	case 2:
		length, n := uvarint(b)
		if n <= 0 {
			return nil, nil, false
		}
		size, b = length, b[n:]
	default:
		return nil, nil, false
	}
	if size > uint64(len(b)) {
		return nil, nil, false
	}
	return b[:size], b[size:], true
}

// uvarint is binary.Uvarint with the case first that most are: one byte.
func uvarint(b []byte) (uint64, int) {
	if len(b) > 0 && b[0] < 0x80 {
		return uint64(b[0]), 1
	}
	return binary.Uvarint(b)
}
