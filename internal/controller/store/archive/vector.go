// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding"
)

// vector is one column of rows in memory. It only grows: what an earlier snapshot sees never changes.
type vector[R any] interface {
	// add appends the column of rows.
	add(rows []R)
	// grow makes room for so many elements.
	grow(n int)
	// reset empties the column, and keeps its room.
	reset()
	// snapshot gives a view of what is there now, which may be read while more is added.
	snapshot() vector[R]
	// fill sets the column's field of each row from the element of that place.
	fill(rows []R, places []int32)
	// write appends the elements of these places as Parquet values.
	write(values []parquet.Value, places []int32) []parquet.Value
	// read appends a page of a segment.
	read(page parquet.Page) error
	// absent appends what a segment that has no such column stands for.
	absent(n int)
	length() int
	bytes() int64
}

var errCorrupt = errors.New("the segment is corrupt")

// spread gives the elements of a page in which nulls are left out, with a value in the place of nulls.
func spread[T any](page parquet.Page, present []T, null T) ([]T, error) {
	levels := page.DefinitionLevels()
	if len(levels) == 0 {
		if int64(len(present)) != page.NumRows() {
			return nil, fmt.Errorf("%d values in a page of %d rows: %w", len(present), page.NumRows(), errCorrupt)
		}
		return present, nil
	}
	all := make([]T, len(levels))
	for i, level := range levels {
		if level == 0 {
			all[i] = null
			continue
		}
		if len(present) == 0 {
			return nil, fmt.Errorf("fewer values in a page than it says: %w", errCorrupt)
		}
		all[i], present = present[0], present[1:]
	}
	return all, nil
}

// whole gives a page's whole numbers, as the kind it has them in.
func whole(page parquet.Page) ([]int64, error) {
	if page.Dictionary() != nil {
		return nil, fmt.Errorf("numbers in a dictionary: %w", errCorrupt)
	}
	data := page.Data()
	switch data.Kind() {
	case encoding.Int64:
		return data.Int64(), nil
	case encoding.Int32:
		narrow := data.Int32()
		wide := make([]int64, len(narrow))
		for i, n := range narrow {
			wide[i] = int64(n)
		}
		return wide, nil
	}
	return nil, fmt.Errorf("a column of %v where whole numbers were expected: %w", page.Type(), errCorrupt)
}

type wholeNumber interface {
	~int8 | ~int16 | ~int32 | ~int64 | ~uint8 | ~uint16 | ~uint32 | ~uint64
}

// integers is a column of whole numbers, among them durations in nanoseconds.
type integers[R any, T wholeNumber] struct {
	field    func(*R) *T
	nullable bool
	wide     bool
	elements []T
}

func (v *integers[R, T]) add(rows []R) {
	elements := v.elements
	for i := range rows {
		elements = append(elements, *v.field(&rows[i]))
	}
	v.elements = elements
}

func (v *integers[R, T]) snapshot() vector[R] {
	taken := *v
	return &taken
}

func (v *integers[R, T]) fill(rows []R, places []int32) {
	for i, place := range places {
		*v.field(&rows[i]) = v.elements[place]
	}
}

func (v *integers[R, T]) write(values []parquet.Value, places []int32) []parquet.Value {
	for _, place := range places {
		element := v.elements[place]
		switch {
		case v.nullable && element == 0:
			values = append(values, parquet.NullValue())
			continue
		case v.wide:
			values = append(values, parquet.Int64Value(int64(element)))
		default:
			values = append(values, parquet.Int32Value(int32(element)))
		}
		if v.nullable {
			last := len(values) - 1
			values[last] = values[last].Level(0, 1, 0)
		}
	}
	return values
}

func (v *integers[R, T]) read(page parquet.Page) error {
	present, err := whole(page)
	if err != nil {
		return err
	}
	all, err := spread(page, present, 0)
	if err != nil {
		return err
	}
	for _, n := range all {
		v.elements = append(v.elements, T(n))
	}
	return nil
}

func (v *integers[R, T]) all(value parquet.Value, n int) {
	var element T
	switch value.Kind() {
	case parquet.Int32:
		element = T(value.Int32())
	case parquet.Int64:
		element = T(value.Int64())
	}
	for range n {
		v.elements = append(v.elements, element)
	}
}

func (v *integers[R, T]) absent(n int) { v.elements = append(v.elements, make([]T, n)...) }
func (v *integers[R, T]) reset()       { v.elements = v.elements[:0] }
func (v *integers[R, T]) grow(n int)   { v.elements = slices.Grow(v.elements, n) }
func (v *integers[R, T]) length() int  { return len(v.elements) }
func (v *integers[R, T]) bytes() int64 {
	if v.wide {
		return int64(cap(v.elements)) * 8
	}
	return int64(cap(v.elements)) * 4
}

// never stands for an instant that is not known.
const never = math.MinInt64

// instants is a column of times, nanoseconds since 1970.
type instants[R any] struct {
	get      func(*R) int64
	set      func(*R, int64)
	nullable bool
	elements []int64
}

func (v *instants[R]) add(rows []R) {
	elements := v.elements
	for i := range rows {
		elements = append(elements, v.get(&rows[i]))
	}
	v.elements = elements
}

func (v *instants[R]) snapshot() vector[R] {
	taken := *v
	return &taken
}

func (v *instants[R]) fill(rows []R, places []int32) {
	for i, place := range places {
		v.set(&rows[i], v.elements[place])
	}
}

func (v *instants[R]) write(values []parquet.Value, places []int32) []parquet.Value {
	for _, place := range places {
		switch element := v.elements[place]; {
		case !v.nullable:
			values = append(values, parquet.Int64Value(element))
		case element == never:
			values = append(values, parquet.NullValue())
		default:
			values = append(values, parquet.Int64Value(element).Level(0, 1, 0))
		}
	}
	return values
}

func (v *instants[R]) read(page parquet.Page) error {
	present, err := whole(page)
	if err != nil {
		return err
	}
	all, err := spread(page, present, never)
	if err != nil {
		return err
	}
	v.elements = append(v.elements, all...)
	return nil
}

func (v *instants[R]) absent(n int) {
	for range n {
		v.elements = append(v.elements, never)
	}
}
func (v *instants[R]) reset()       { v.elements = v.elements[:0] }
func (v *instants[R]) grow(n int)   { v.elements = slices.Grow(v.elements, n) }
func (v *instants[R]) length() int  { return len(v.elements) }
func (v *instants[R]) bytes() int64 { return int64(cap(v.elements)) * 8 }

// flags is a column of yes and no.
type flags[R any] struct {
	field    func(*R) *bool
	elements []bool
}

func (v *flags[R]) add(rows []R) {
	elements := v.elements
	for i := range rows {
		elements = append(elements, *v.field(&rows[i]))
	}
	v.elements = elements
}

func (v *flags[R]) snapshot() vector[R] {
	taken := *v
	return &taken
}

func (v *flags[R]) fill(rows []R, places []int32) {
	for i, place := range places {
		*v.field(&rows[i]) = v.elements[place]
	}
}

func (v *flags[R]) write(values []parquet.Value, places []int32) []parquet.Value {
	for _, place := range places {
		values = append(values, parquet.BooleanValue(v.elements[place]))
	}
	return values
}

func (v *flags[R]) read(page parquet.Page) error {
	n := int(page.NumRows())
	if page.Dictionary() != nil || page.Type().Kind() != parquet.Boolean || page.NumValues() != page.NumRows() {
		return fmt.Errorf("a column of %v where yes or no was expected: %w", page.Type(), errCorrupt)
	}
	reader, ok := page.Values().(parquet.BooleanReader)
	if !ok {
		return fmt.Errorf("a column of %v where yes or no was expected: %w", page.Type(), errCorrupt)
	}
	first := len(v.elements)
	v.elements = slices.Grow(v.elements, n)[:first+n]
	read, err := reader.ReadBooleans(v.elements[first:])
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("reading yes and no: %w", err)
	}
	if read != n {
		return fmt.Errorf("%d values in a page of %d rows: %w", read, n, errCorrupt)
	}
	return nil
}

func (v *flags[R]) all(value parquet.Value, n int) {
	for range n {
		v.elements = append(v.elements, value.Boolean())
	}
}

func (v *flags[R]) absent(n int) { v.elements = append(v.elements, make([]bool, n)...) }
func (v *flags[R]) reset()       { v.elements = v.elements[:0] }
func (v *flags[R]) grow(n int)   { v.elements = slices.Grow(v.elements, n) }
func (v *flags[R]) length() int  { return len(v.elements) }
func (v *flags[R]) bytes() int64 { return int64(cap(v.elements)) }

// reals is a column of numbers that are not whole.
type reals[R any] struct {
	field    func(*R) *float64
	elements []float64
}

func (v *reals[R]) add(rows []R) {
	elements := v.elements
	for i := range rows {
		elements = append(elements, *v.field(&rows[i]))
	}
	v.elements = elements
}

func (v *reals[R]) snapshot() vector[R] {
	taken := *v
	return &taken
}

func (v *reals[R]) fill(rows []R, places []int32) {
	for i, place := range places {
		*v.field(&rows[i]) = v.elements[place]
	}
}

func (v *reals[R]) write(values []parquet.Value, places []int32) []parquet.Value {
	for _, place := range places {
		values = append(values, parquet.DoubleValue(v.elements[place]))
	}
	return values
}

func (v *reals[R]) read(page parquet.Page) error {
	data := page.Data()
	if page.Dictionary() != nil || data.Kind() != encoding.Double {
		return fmt.Errorf("a column of %v where numbers were expected: %w", page.Type(), errCorrupt)
	}
	v.elements = append(v.elements, data.Double()...)
	return nil
}

func (v *reals[R]) absent(n int) { v.elements = append(v.elements, make([]float64, n)...) }
func (v *reals[R]) reset()       { v.elements = v.elements[:0] }
func (v *reals[R]) grow(n int)   { v.elements = slices.Grow(v.elements, n) }
func (v *reals[R]) length() int  { return len(v.elements) }
func (v *reals[R]) bytes() int64 { return int64(cap(v.elements)) * 8 }
