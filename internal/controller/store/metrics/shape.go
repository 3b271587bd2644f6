// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// part is a kind of message within a body that costs memory once it is decoded.
type part int

// The parts. A body of a few bytes each can hold millions of them, that take a hundred times as much when decoded, so
// that they are counted before.
const (
	structure part = iota
	partSeries
	partSample
	partHistogram
	partLabel
	partExemplar
	partMetadata
	partSymbol
	parts
)

var partNames = [parts]string{"messages", "series", "samples", "histograms", "labels", "exemplars", "descriptions", "symbols"}

// counts is how many there are of each part.
type counts [parts]int

// shape says what the fields of a protobuf message are, as far as they are messages or repeated.
type shape struct {
	part part
	// opaque is what is counted and not looked into.
	opaque bool
	fields [16]*shape
}

func leaf(p part) *shape { return &shape{part: p, opaque: true} }

func message(p part, fields map[int]*shape) *shape {
	made := &shape{part: p}
	for number, field := range fields {
		made.fields[number] = field
	}
	return made
}

// writeV1 is the shape of prometheus.WriteRequest.
func writeV1() *shape {
	return message(structure, map[int]*shape{
		1: message(partSeries, map[int]*shape{
			1: leaf(partLabel), 2: leaf(partSample), 4: leaf(partHistogram),
			3: message(partExemplar, map[int]*shape{1: leaf(partLabel)}),
		}),
		3: leaf(partMetadata),
	})
}

// writeV2 is the shape of io.prometheus.write.v2.Request.
func writeV2() *shape {
	return message(structure, map[int]*shape{
		4: leaf(partSymbol),
		5: message(partSeries, map[int]*shape{
			2: leaf(partSample), 3: leaf(partHistogram), 4: leaf(partExemplar), 5: leaf(partMetadata),
		}),
	})
}

// otlpMetrics is the shape of an OTLP request with metrics. A data point of a histogram becomes several samples.
func otlpMetrics() *shape {
	value := &shape{part: partLabel}
	attribute := message(partLabel, map[int]*shape{2: value})
	value.fields[5] = message(structure, map[int]*shape{1: value})
	value.fields[6] = message(structure, map[int]*shape{1: attribute})
	exemplar := message(partExemplar, map[int]*shape{7: attribute})
	number := message(partSample, map[int]*shape{5: exemplar, 7: attribute})
	data := func(point *shape) *shape { return message(structure, map[int]*shape{1: point}) }
	metric := message(partSeries, map[int]*shape{
		5: data(number), 7: data(number),
		9:  data(message(partHistogram, map[int]*shape{8: exemplar, 9: attribute})),
		10: data(message(partHistogram, map[int]*shape{1: attribute, 11: exemplar})),
		11: data(message(partHistogram, map[int]*shape{6: leaf(partSample), 7: attribute})),
		12: attribute,
	})
	scope := message(partMetadata, map[int]*shape{3: attribute})
	resource := message(partMetadata, map[int]*shape{1: attribute})
	return message(structure, map[int]*shape{
		1: message(partMetadata, map[int]*shape{
			1: resource,
			2: message(partMetadata, map[int]*shape{1: scope, 2: metric}),
		}),
	})
}

// maxDepth is how deep messages may stand in one another: decoders call themselves for each.
const maxDepth = 32

var errMalformed = errors.New("the message is not valid protobuf")

// errTooMany is the cause of a body with too many of a part.
var errTooMany = errors.New("the request is too large")

// count adds up the parts of an encoded message, and gives up on one that has more than allowed.
func (s *shape) count(b []byte, into, most *counts, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("%w: messages stand in one another more than %d times", errTooMany, maxDepth)
	}
	for len(b) > 0 {
		tag, n := uvarint(b)
		if n <= 0 || tag>>3 == 0 || tag>>3 > 1<<29-1 {
			return errMalformed
		}
		b = b[n:]
		var size uint64
		switch tag & 7 {
		case 0:
			_, n := uvarint(b)
			if n <= 0 {
				return errMalformed
			}
			b = b[n:]
			continue
		case 1:
			size = 8
		case 5:
			size = 4
		case 2:
			length, n := uvarint(b)
			if n <= 0 {
				return errMalformed
			}
			size, b = length, b[n:]
		default:
			return errMalformed
		}
		if size > uint64(len(b)) {
			return errMalformed
		}
		if tag&7 == 2 && tag>>3 < uint64(len(s.fields)) {
			if field := s.fields[tag>>3]; field != nil {
				if into[field.part]++; into[field.part] > most[field.part] {
					return fmt.Errorf("%w: more than %d %s", errTooMany, most[field.part], partNames[field.part])
				}
				if field.opaque {
					b = b[size:]
					continue
				}
				if err := field.count(b[:size], into, most, depth+1); err != nil {
					return err
				}
			}
		}
		b = b[size:]
	}
	return nil
}

// uvarint is binary.Uvarint with the case first that most are: one byte.
func uvarint(b []byte) (uint64, int) {
	if len(b) > 0 && b[0] < 0x80 {
		return uint64(b[0]), 1
	}
	return binary.Uvarint(b)
}
