// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"slices"
	"strings"
	"unsafe"

	"github.com/parquet-go/parquet-go"

	"github.com/aeolus-ebpf/aeolus/internal/model"
)

// workloads holds one end of each row in memory. Its five columns share it: rows name few workloads, and one look-up in
// place of five is most of what it costs to take a row.
type workloads[R any] struct {
	field      func(*R) *Workload
	dictionary *dictionary[Workload]
	values     []Workload
	codes      []uint32
}

func (w *workloads[R]) add(rows []R) {
	if w.dictionary == nil {
		w.dictionary = newDictionary[Workload]()
	}
	dictionary, codes := w.dictionary, w.codes
	for i := range rows {
		workload := w.field(&rows[i])
		slot := textSlot(workload.ID)
		if recent := &dictionary.recent[slot]; recent.used && recent.value == *workload {
			codes = append(codes, recent.code)
			continue
		}
		codes = append(codes, dictionary.code(*workload, slot, keepWorkload))
	}
	w.codes, w.values = codes, dictionary.values
}

func keepWorkload(w Workload) (Workload, int) {
	size := workloadTexts(&w)
	w.ID, w.Namespace, w.Name = strings.Clone(w.ID), strings.Clone(w.Namespace), strings.Clone(w.Name)
	w.Kind = model.WorkloadKind(strings.Clone(string(w.Kind)))
	return w, size + 128
}

// view gives a copy for readers.
func (w *workloads[R]) view() *workloads[R] {
	return &workloads[R]{field: w.field, values: w.values, codes: w.codes}
}

// ofWorkload is a column of text of a workload. What is read from a segment is held by itself.
type ofWorkload[R any] struct {
	texts[R]
	whole *workloads[R]
	part  func(*Workload) *string
	// leads: this column adds to the whole.
	leads bool
}

func (v *ofWorkload[R]) held() bool { return len(v.texts.codes) > 0 }

func (v *ofWorkload[R]) add(rows []R) {
	if v.leads {
		v.whole.add(rows)
	}
}

// reset empties what was read; a block to which rows are added is not used again.
func (v *ofWorkload[R]) reset() { v.texts.reset() }

func (v *ofWorkload[R]) grow(n int) {
	if v.leads && n > 0 {
		v.whole.codes = slices.Grow(v.whole.codes, n)
	}
}

func (v *ofWorkload[R]) snapshot() vector[R] {
	taken := *v
	taken.whole = v.whole.view()
	return &taken
}

func (v *ofWorkload[R]) fill(rows []R, places []int32) {
	if v.held() {
		v.texts.fill(rows, places)
		return
	}
	for i, place := range places {
		*v.part(v.whole.field(&rows[i])) = *v.part(&v.whole.values[v.whole.codes[place]])
	}
}

func (v *ofWorkload[R]) write(values []parquet.Value, places []int32) []parquet.Value {
	if v.held() {
		return v.texts.write(values, places)
	}
	prepared := make([]parquet.Value, len(v.whole.values))
	for i := range v.whole.values {
		text := *v.part(&v.whole.values[i])
		prepared[i] = parquet.ByteArrayValue(unsafe.Slice(unsafe.StringData(text), len(text)))
	}
	for _, place := range places {
		values = append(values, prepared[v.whole.codes[place]])
	}
	return values
}

func (v *ofWorkload[R]) length() int { return max(len(v.texts.codes), len(v.whole.codes)) }

func (v *ofWorkload[R]) bytes() int64 {
	size := v.texts.bytes()
	if v.leads {
		size += int64(cap(v.whole.codes)) * 4
		if v.whole.dictionary != nil {
			size += v.whole.dictionary.bytes
		}
	}
	return size
}

func (v *ofWorkload[R]) match(wanted map[string]struct{}) func(int32) bool {
	if v.held() {
		return v.texts.match(wanted)
	}
	hit := make([]bool, len(v.whole.values))
	for i := range v.whole.values {
		_, hit[i] = wanted[*v.part(&v.whole.values[i])]
	}
	return func(place int32) bool { return hit[v.whole.codes[place]] }
}

// order gives what rows are sorted by: the rank of each value, and each row's value.
func (v *ofWorkload[R]) order() (rank []int32, codes []uint32) {
	if v.held() {
		return v.texts.order()
	}
	values := make([]string, len(v.whole.values))
	for i := range values {
		values[i] = *v.part(&v.whole.values[i])
	}
	return ranks(values), v.whole.codes
}

// order gives what rows are sorted by: the rank of each value, and each row's value.
func (v *texts[R]) order() (rank []int32, codes []uint32) { return ranks(v.values), v.codes }

// external is a column that tells whether a workload was seen only as an address.
type external[R any] struct {
	flags[R]
	whole *workloads[R]
}

func (v *external[R]) add([]R)  {}
func (v *external[R]) grow(int) {}

func (v *external[R]) snapshot() vector[R] {
	taken := *v
	taken.whole = v.whole.view()
	return &taken
}

func (v *external[R]) fill(rows []R, places []int32) {
	if len(v.flags.elements) > 0 {
		v.flags.fill(rows, places)
		return
	}
	for i, place := range places {
		v.whole.field(&rows[i]).External = v.whole.values[v.whole.codes[place]].External
	}
}

func (v *external[R]) write(values []parquet.Value, places []int32) []parquet.Value {
	if len(v.flags.elements) > 0 {
		return v.flags.write(values, places)
	}
	for _, place := range places {
		values = append(values, parquet.BooleanValue(v.whole.values[v.whole.codes[place]].External))
	}
	return values
}

func (v *external[R]) length() int { return max(len(v.flags.elements), len(v.whole.codes)) }

// workload gives the columns that name one end of an edge.
func workload[R any](prefix, who string, field func(*R) *Workload) []column[R] {
	// The block's columns meet in what is shared under the prefix.
	shared := func(b *block[R]) *workloads[R] {
		if b.shared[prefix] == nil {
			b.shared[prefix] = &workloads[R]{field: field}
		}
		return b.shared[prefix]
	}
	part := func(name, meaning string, part func(*Workload) *string) column[R] {
		of := func(r *R) *string { return part(field(r)) }
		c := text(prefix+"_"+name, meaning, of)
		c.make = func(b *block[R]) vector[R] {
			return &ofWorkload[R]{texts: texts[R]{field: of}, whole: shared(b), part: part, leads: name == "id"}
		}
		return c
	}
	outside := flag(prefix+"_external", "Seen only as an address", func(r *R) *bool { return &field(r).External })
	outside.make = func(b *block[R]) vector[R] {
		return &external[R]{flags: flags[R]{field: func(r *R) *bool { return &field(r).External }}, whole: shared(b)}
	}
	return []column[R]{
		part("id", "Id of the "+who, func(w *Workload) *string { return &w.ID }),
		part("namespace", "Its namespace; empty where it has none", func(w *Workload) *string { return &w.Namespace }),
		part("name", "Its name", func(w *Workload) *string { return &w.Name }),
		part("kind", "What it is: container, unit, netns, process, service, address, group",
			func(w *Workload) *string { return (*string)(&w.Kind) }),
		outside,
	}
}
