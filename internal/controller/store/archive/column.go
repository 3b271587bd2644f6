// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"math"
	"net/netip"
	"time"
	"unsafe"

	"github.com/parquet-go/parquet-go"
)

// column describes one column of a table: how it is held in memory and in segments, and what the reference says of it.
type column[R any] struct {
	name, meaning string
	// written is the type in segments, as the reference calls it.
	written string
	node    parquet.Node
	// bloom columns have a filter that tells which row groups need not be read.
	bloom bool
	make  func(*block[R]) vector[R]
}

// filtered gives the column a bloom filter.
func (c column[R]) filtered() column[R] {
	c.bloom = true
	return c
}

func dictionaryText() parquet.Node {
	return parquet.Encoded(parquet.String(), &parquet.RLEDictionary)
}

// text is a column of texts of which many are the same.
func text[R any, T ~string](name, meaning string, field func(*R) *T) column[R] {
	// A named kind of text is text in memory.
	as := func(row *R) *string { return (*string)(unsafe.Pointer(field(row))) }
	return column[R]{
		name: name, meaning: meaning, written: "STRING", node: dictionaryText(),
		make: func(*block[R]) vector[R] { return &texts[R]{field: as} },
	}
}

// rendered is a column of text for a field that is none.
func rendered[R any](name, meaning string, render func([]byte, *R) []byte, parse func(*R, string)) column[R] {
	return column[R]{
		name: name, meaning: meaning, written: "STRING", node: dictionaryText(),
		make: func(*block[R]) vector[R] { return &texts[R]{render: render, parse: parse} },
	}
}

// unique is a column of texts that are nearly all different.
func unique[R any](name, meaning string, field func(*R) *string) column[R] {
	return column[R]{
		name: name, meaning: meaning, written: "STRING", node: parquet.Encoded(parquet.String(), &parquet.Plain),
		make: func(*block[R]) vector[R] { return &plains[R]{field: field} },
	}
}

func flag[R any](name, meaning string, field func(*R) *bool) column[R] {
	return column[R]{
		name: name, meaning: meaning, written: "BOOLEAN", node: parquet.Leaf(parquet.BooleanType),
		make: func(*block[R]) vector[R] { return &flags[R]{field: field} },
	}
}

func real[R any](name, meaning string, field func(*R) *float64) column[R] {
	return column[R]{
		name: name, meaning: meaning, written: "DOUBLE", node: parquet.Leaf(parquet.DoubleType),
		make: func(*block[R]) vector[R] { return &reals[R]{field: field} },
	}
}

// number is a column of unsigned whole numbers.
func number[R any, T ~uint8 | ~uint16 | ~uint32 | ~uint64](name, meaning string, field func(*R) *T) column[R] {
	written, bits := "UINT_32", 32
	if uint64(^T(0)) > math.MaxUint32 {
		written, bits = "UINT_64", 64
	}
	return column[R]{
		name: name, meaning: meaning, written: written, node: packed(parquet.Uint(bits)),
		make: func(*block[R]) vector[R] { return &integers[R, T]{field: field, wide: bits == 64} },
	}
}

// signed is a column of whole numbers that may be negative.
func signed[R any](name, meaning string, field func(*R) *int32) column[R] {
	return column[R]{
		name: name, meaning: meaning, written: "INT_32", node: packed(parquet.Int(32)),
		make: func(*block[R]) vector[R] { return &integers[R, int32]{field: field} },
	}
}

// duration is a column of nanoseconds. A gauge is null where there is no reading; a sum is 0.
func duration[R any](name, meaning string, gauge bool, field func(*R) *time.Duration) column[R] {
	c := column[R]{
		name: name, meaning: meaning, written: "INT_64", node: packed(parquet.Int(64)),
		make: func(*block[R]) vector[R] {
			return &integers[R, time.Duration]{field: field, wide: true, nullable: gauge}
		},
	}
	if gauge {
		c.written, c.node = "INT_64, optional", parquet.Optional(c.node)
	}
	return c
}

// instant is a column of times; null where there is none, if that may be.
func instant[R any](name, meaning string, nullable bool, field func(*R) *time.Time) column[R] {
	return moment(name, meaning, nullable,
		func(row *R) int64 { return nanoseconds(*field(row)) },
		func(row *R, at int64) { *field(row) = instantOf(at) })
}

// moment is a column of times that are computed from a row.
func moment[R any](name, meaning string, nullable bool, get func(*R) int64, set func(*R, int64)) column[R] {
	c := column[R]{
		name: name, meaning: meaning, written: "TIMESTAMP(NANOS, UTC)", node: packed(parquet.Timestamp(parquet.Nanosecond)),
		make: func(*block[R]) vector[R] { return &instants[R]{get: get, set: set, nullable: nullable} },
	}
	if nullable {
		c.written, c.node = c.written+", optional", parquet.Optional(c.node)
	}
	return c
}

// address gives two columns, the address and the port.
func address[R any](name, meaning string, field func(*R) *netip.AddrPort) []column[R] {
	return []column[R]{
		host(name+"_address", meaning+"; empty where it is not known", func(row *R) netip.Addr { return field(row).Addr() },
			func(row *R, a netip.Addr) {
				p := field(row)
				*p = netip.AddrPortFrom(a, p.Port())
			}),
		{
			name: name + "_port", meaning: "Its port", written: "UINT_32", node: packed(parquet.Uint(32)),
			make: func(*block[R]) vector[R] { return &ports[R]{field: field} },
		},
	}
}

func host[R any](name, meaning string, get func(*R) netip.Addr, set func(*R, netip.Addr)) column[R] {
	return column[R]{
		name: name, meaning: meaning, written: "STRING", node: dictionaryText(),
		make: func(*block[R]) vector[R] { return &addresses[R]{get: get, set: set} },
	}
}

// packed stores neighbours' differences: small where rows are sorted or alike.
func packed(node parquet.Node) parquet.Node { return parquet.Encoded(node, &parquet.DeltaBinaryPacked) }

// nanoseconds since 1970; what lies beyond what they can say is taken as the farthest that they can.
func nanoseconds(t time.Time) int64 {
	if t.IsZero() {
		return never
	}
	switch seconds := t.Unix(); {
	case seconds >= math.MaxInt64/int64(time.Second):
		return math.MaxInt64
	case seconds <= math.MinInt64/int64(time.Second):
		return never + 1
	}
	return t.UnixNano()
}

func instantOf(nanoseconds int64) time.Time {
	if nanoseconds == never {
		return time.Time{}
	}
	return time.Unix(0, nanoseconds).UTC()
}
