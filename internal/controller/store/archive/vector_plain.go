// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"net/netip"
	"slices"

	"github.com/parquet-go/parquet-go"
)

// plains is a column of texts that are all different: they lie one after the other.
type plains[R any] struct {
	field func(*R) *string
	raw   []byte
	ends  []uint32
}

func (v *plains[R]) add(rows []R) {
	for i := range rows {
		v.raw = append(v.raw, *v.field(&rows[i])...)
		v.ends = append(v.ends, uint32(len(v.raw)))
	}
}

func (v *plains[R]) at(place int32) []byte {
	from := uint32(0)
	if place > 0 {
		from = v.ends[place-1]
	}
	return v.raw[from:v.ends[place]]
}

func (v *plains[R]) snapshot() vector[R] {
	taken := *v
	return &taken
}

func (v *plains[R]) fill(rows []R, places []int32) {
	for i, place := range places {
		*v.field(&rows[i]) = string(v.at(place))
	}
}

func (v *plains[R]) write(values []parquet.Value, places []int32) []parquet.Value {
	for _, place := range places {
		values = append(values, parquet.ByteArrayValue(v.at(place)))
	}
	return values
}

func (v *plains[R]) read(page parquet.Page) error {
	var all []string
	err := coded(page, map[parquet.Dictionary]uint32{}, 0, func(texts []string) error {
		all = texts
		return nil
	}, func(uint32) {})
	if err != nil {
		return err
	}
	if page.Dictionary() != nil {
		data := page.Data()
		for _, n := range data.Int32() {
			v.raw = append(v.raw, all[n]...)
			v.ends = append(v.ends, uint32(len(v.raw)))
		}
		return nil
	}
	for _, text := range all {
		v.raw = append(v.raw, text...)
		v.ends = append(v.ends, uint32(len(v.raw)))
	}
	return nil
}

func (v *plains[R]) absent(n int) {
	for range n {
		v.ends = append(v.ends, uint32(len(v.raw)))
	}
}

func (v *plains[R]) reset() { v.raw, v.ends = v.raw[:0], v.ends[:0] }
func (v *plains[R]) grow(n int) {
	v.ends = slices.Grow(v.ends, n)
	// Ids are about that long.
	v.raw = slices.Grow(v.raw, 16*n)
}
func (v *plains[R]) length() int  { return len(v.ends) }
func (v *plains[R]) bytes() int64 { return int64(cap(v.raw)) + int64(cap(v.ends))*4 }

// match tells for each place whether its text is one that is wanted.
func (v *plains[R]) match(wanted map[string]struct{}) func(int32) bool {
	return func(place int32) bool {
		_, ok := wanted[string(v.at(place))]
		return ok
	}
}

// ports is a column of the ports of addresses.
type ports[R any] struct {
	field    func(*R) *netip.AddrPort
	elements []uint16
}

func (v *ports[R]) add(rows []R) {
	elements := v.elements
	for i := range rows {
		elements = append(elements, v.field(&rows[i]).Port())
	}
	v.elements = elements
}

func (v *ports[R]) snapshot() vector[R] {
	taken := *v
	return &taken
}

func (v *ports[R]) fill(rows []R, places []int32) {
	for i, place := range places {
		field := v.field(&rows[i])
		*field = netip.AddrPortFrom(field.Addr(), v.elements[place])
	}
}

func (v *ports[R]) write(values []parquet.Value, places []int32) []parquet.Value {
	for _, place := range places {
		values = append(values, parquet.Int32Value(int32(v.elements[place])))
	}
	return values
}

func (v *ports[R]) read(page parquet.Page) error {
	present, err := whole(page)
	if err != nil {
		return err
	}
	all, err := spread(page, present, 0)
	if err != nil {
		return err
	}
	for _, n := range all {
		v.elements = append(v.elements, uint16(n))
	}
	return nil
}

func (v *ports[R]) absent(n int) { v.elements = append(v.elements, make([]uint16, n)...) }
func (v *ports[R]) reset()       { v.elements = v.elements[:0] }
func (v *ports[R]) grow(n int)   { v.elements = slices.Grow(v.elements, n) }
func (v *ports[R]) length() int  { return len(v.elements) }
func (v *ports[R]) bytes() int64 { return int64(cap(v.elements)) * 2 }

func (v *ports[R]) match(wanted map[uint16]struct{}) func(int32) bool {
	return func(place int32) bool {
		_, ok := wanted[v.elements[place]]
		return ok
	}
}
