// SPDX-License-Identifier: Apache-2.0

package types

import (
	"encoding/binary"
	"slices"
)

// Enumerator is one name of an enumeration.
type Enumerator struct {
	Name string
	// Value is the number; of an enumeration without negative ones it may be meant as unsigned.
	Value int64
	// Enum is the enumeration; its Name is empty for anonymous ones.
	Enum Type
}

// Enumerator is the enumerator of a name, whichever enumeration it is in. Where several have it, it is the first.
func (k *Kernel) Enumerator(name string) (Enumerator, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	e, known := k.enumerators[name]
	if !known {
		e = k.enumerator(name)
		if len(k.enumerators) < cacheEntries {
			k.enumerators[name] = e
		}
	}
	return e, e.Name != ""
}

func (k *Kernel) enumerator(name string) Enumerator {
	if name == "" {
		return Enumerator{}
	}
	for _, kind := range []int{kindEnum, kindEnum64} {
		for _, id := range k.blob.kinds[kind] {
			r := k.blob.at(id)
			width := stride(&r)
			for i := range r.length {
				if k.blob.is(binary.LittleEndian.Uint32(r.body[i*width:]), name) {
					return k.enumeratorAt(id, &r, i)
				}
			}
		}
	}
	return Enumerator{}
}

// stride is the number of bytes of an enumerator.
func stride(r *record) int {
	if r.kind == kindEnum64 {
		return 12
	}
	return 8
}

func (k *Kernel) enumeratorAt(id uint32, r *record, i int) Enumerator {
	e := Enumerator{Name: k.blob.text(r.word(i * stride(r) / 4)), Enum: k.resolve(id)}
	first := i*stride(r)/4 + 1
	switch {
	case r.kind == kindEnum64:
		e.Value = int64(uint64(r.word(first+1))<<32 | uint64(r.word(first)))
	case e.Enum.Signed:
		e.Value = int64(int32(r.word(first)))
	default:
		e.Value = int64(r.word(first))
	}
	return e
}

// Enumeration is the enumeration of a name, which has enumerators.
func (k *Kernel) Enumeration(name string) (Type, bool) {
	id, ok := k.find(name, 1<<kindEnum|1<<kindEnum64)
	if !ok || k.blob.at(id).length == 0 {
		return Type{}, false
	}
	return k.resolve(id), true
}

// Enumerations are the names of all enumerations. It looks at everything: it is for messages.
func (k *Kernel) Enumerations() []string {
	var names []string
	for _, id := range k.enums() {
		if name := k.blob.text(k.blob.names[id]); name != "" {
			names = append(names, name)
		}
	}
	return names
}

func (k *Kernel) enums() []uint32 {
	return slices.Concat(k.blob.kinds[kindEnum], k.blob.kinds[kindEnum64])
}

// Enumerators are all names of an enumeration.
func (k *Kernel) Enumerators(enum Type) []Enumerator {
	r := k.blob.at(enum.id)
	if enum.Kind != Enum || r.kind != kindEnum && r.kind != kindEnum64 {
		return nil
	}
	all := make([]Enumerator, 0, r.length)
	for i := range r.length {
		all = append(all, k.enumeratorAt(enum.id, &r, i))
	}
	return all
}

// AllEnumerators are the names of all enumerators. It looks at everything: it is for messages.
func (k *Kernel) AllEnumerators() []string {
	var names []string
	for _, kind := range []int{kindEnum, kindEnum64} {
		for _, id := range k.blob.kinds[kind] {
			r := k.blob.at(id)
			for i := range r.length {
				names = append(names, k.blob.text(r.word(i*stride(&r)/4)))
			}
		}
	}
	return names
}
