// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"unsafe"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding"
)

// stringsOf gives the texts that a page or a dictionary holds one after the other.
func stringsOf(data encoding.Values) ([]string, error) {
	if data.Kind() != encoding.ByteArray {
		return nil, fmt.Errorf("a column of kind %d where text was expected: %w", data.Kind(), errCorrupt)
	}
	raw, offsets := data.ByteArray()
	if len(offsets) == 0 {
		return nil, nil
	}
	whole := string(raw)
	texts := make([]string, len(offsets)-1)
	for i := range texts {
		from, to := offsets[i], offsets[i+1]
		if from > to || int(to) > len(whole) {
			return nil, fmt.Errorf("a text ends before it begins: %w", errCorrupt)
		}
		texts[i] = whole[from:to]
	}
	return texts, nil
}

// coded reads a page of text into a dictionary: its values are appended, and the number of each row's value.
func coded(page parquet.Page, known map[parquet.Dictionary]uint32, size int, add func(texts []string) error, code func(uint32)) error {
	dictionary := page.Dictionary()
	if dictionary == nil {
		texts, err := stringsOf(page.Data())
		if err != nil {
			return err
		}
		if int64(len(texts)) != page.NumRows() {
			return fmt.Errorf("%d texts in a page of %d rows: %w", len(texts), page.NumRows(), errCorrupt)
		}
		for i := range texts {
			code(uint32(size + i))
		}
		return add(texts)
	}
	base, ok := known[dictionary]
	if !ok {
		base = uint32(size)
		texts, err := stringsOf(dictionary.Page().Data())
		if err != nil {
			return err
		}
		if err := add(texts); err != nil {
			return err
		}
		known[dictionary] = base
	}
	data := page.Data()
	if data.Kind() != encoding.Int32 {
		return fmt.Errorf("a dictionary without numbers: %w", errCorrupt)
	}
	numbers := data.Int32()
	if int64(len(numbers)) != page.NumRows() {
		return fmt.Errorf("%d texts in a page of %d rows: %w", len(numbers), page.NumRows(), errCorrupt)
	}
	for _, n := range numbers {
		if n < 0 || int(n) >= dictionary.Len() {
			return fmt.Errorf("text %d of a dictionary of %d: %w", n, dictionary.Len(), errCorrupt)
		}
		code(base + uint32(n))
	}
	return nil
}

// texts is a column of texts of which many are the same.
type texts[R any] struct {
	// field, or render and parse where the field is no text.
	field  func(*R) *string
	render func([]byte, *R) []byte
	parse  func(*R, string)

	dictionary *dictionary[string]
	values     []string
	codes      []uint32
	known      map[parquet.Dictionary]uint32
	scratch    []byte
}

func (v *texts[R]) add(rows []R) {
	if v.dictionary == nil {
		v.dictionary = newDictionary[string]()
	}
	if v.field != nil {
		dictionary, codes := v.dictionary, v.codes
		for i := range rows {
			text := *v.field(&rows[i])
			slot := textSlot(text)
			if recent := &dictionary.recent[slot]; recent.used && recent.value == text {
				codes = append(codes, recent.code)
				continue
			}
			codes = append(codes, dictionary.code(text, slot, keepText))
		}
		v.codes, v.values = codes, dictionary.values
		return
	}
	for i := range rows {
		v.scratch = v.render(v.scratch[:0], &rows[i])
		// The dictionary keeps a copy, never this view of the scratch.
		text := unsafe.String(unsafe.SliceData(v.scratch), len(v.scratch))
		v.codes = append(v.codes, v.dictionary.code(text, textSlot(text), keepText))
	}
	v.values = v.dictionary.values
}

func (v *texts[R]) snapshot() vector[R] {
	taken := *v
	taken.dictionary = nil
	taken.scratch = nil
	return &taken
}

func (v *texts[R]) fill(rows []R, places []int32) {
	for i, place := range places {
		text := v.values[v.codes[place]]
		if v.field != nil {
			*v.field(&rows[i]) = text
		} else {
			v.parse(&rows[i], text)
		}
	}
}

func (v *texts[R]) write(values []parquet.Value, places []int32) []parquet.Value {
	prepared := make([]parquet.Value, len(v.values))
	for i, text := range v.values {
		prepared[i] = parquet.ByteArrayValue(unsafe.Slice(unsafe.StringData(text), len(text)))
	}
	for _, place := range places {
		values = append(values, prepared[v.codes[place]])
	}
	return values
}

func (v *texts[R]) read(page parquet.Page) error {
	if v.known == nil {
		v.known = map[parquet.Dictionary]uint32{}
	}
	return coded(page, v.known, len(v.values), func(texts []string) error {
		v.values = append(v.values, texts...)
		return nil
	}, func(code uint32) { v.codes = append(v.codes, code) })
}

func (v *texts[R]) absent(n int) {
	v.values = append(v.values, "")
	for range n {
		v.codes = append(v.codes, uint32(len(v.values)-1))
	}
}

func (v *texts[R]) reset() { v.codes, v.values, v.known = v.codes[:0], v.values[:0], nil }

func (v *texts[R]) grow(n int) { v.codes = slices.Grow(v.codes, n) }

func (v *texts[R]) length() int { return len(v.codes) }

func (v *texts[R]) bytes() int64 {
	size := int64(cap(v.codes)) * 4
	if v.dictionary != nil {
		size += v.dictionary.bytes
	}
	return size
}

// match tells for each place whether its text is one that is wanted.
func (v *texts[R]) match(wanted map[string]struct{}) func(int32) bool {
	hit := make([]bool, len(v.values))
	for i, text := range v.values {
		_, hit[i] = wanted[text]
	}
	return func(place int32) bool { return hit[v.codes[place]] }
}

// addresses is a column of addresses.
type addresses[R any] struct {
	get func(*R) netip.Addr
	set func(*R, netip.Addr)

	dictionary *dictionary[netip.Addr]
	values     []netip.Addr
	codes      []uint32
	known      map[parquet.Dictionary]uint32
}

func (v *addresses[R]) add(rows []R) {
	if v.dictionary == nil {
		v.dictionary = newDictionary[netip.Addr]()
	}
	for i := range rows {
		address := v.get(&rows[i])
		v.codes = append(v.codes, v.dictionary.code(address, addressSlot(address), keepAddress))
	}
	v.values = v.dictionary.values
}

func (v *addresses[R]) snapshot() vector[R] {
	taken := *v
	taken.dictionary = nil
	return &taken
}

func (v *addresses[R]) fill(rows []R, places []int32) {
	for i, place := range places {
		v.set(&rows[i], v.values[v.codes[place]])
	}
}

func (v *addresses[R]) write(values []parquet.Value, places []int32) []parquet.Value {
	prepared := make([]parquet.Value, len(v.values))
	for i, address := range v.values {
		var text []byte
		if address.IsValid() {
			text = address.AppendTo(nil)
		}
		prepared[i] = parquet.ByteArrayValue(text)
	}
	for _, place := range places {
		values = append(values, prepared[v.codes[place]])
	}
	return values
}

func (v *addresses[R]) read(page parquet.Page) error {
	if v.known == nil {
		v.known = map[parquet.Dictionary]uint32{}
	}
	return coded(page, v.known, len(v.values), func(texts []string) error {
		for _, text := range texts {
			var address netip.Addr
			if text != "" {
				parsed, err := netip.ParseAddr(text)
				if err != nil {
					return fmt.Errorf("reading an address: %w", errors.Join(err, errCorrupt))
				}
				address = parsed
			}
			v.values = append(v.values, address)
		}
		return nil
	}, func(code uint32) { v.codes = append(v.codes, code) })
}

func (v *addresses[R]) absent(n int) {
	v.values = append(v.values, netip.Addr{})
	for range n {
		v.codes = append(v.codes, uint32(len(v.values)-1))
	}
}

func (v *addresses[R]) reset() { v.codes, v.values, v.known = v.codes[:0], v.values[:0], nil }

func (v *addresses[R]) grow(n int) { v.codes = slices.Grow(v.codes, n) }

func (v *addresses[R]) length() int { return len(v.codes) }

func (v *addresses[R]) bytes() int64 {
	size := int64(cap(v.codes)) * 4
	if v.dictionary != nil {
		size += v.dictionary.bytes
	}
	return size
}

func (v *addresses[R]) match(wanted map[netip.Addr]struct{}) func(int32) bool {
	hit := make([]bool, len(v.values))
	for i, address := range v.values {
		_, hit[i] = wanted[address]
	}
	return func(place int32) bool { return hit[v.codes[place]] }
}
