// SPDX-License-Identifier: Apache-2.0

package types

// Member is one member of a struct or union, seen through anonymous ones.
type Member struct {
	Name string
	Type Type
	// Offset in bytes from the start of the outer struct.
	Offset int
	// Bits and Shift are of bit fields: from the Size bytes of Type at Offset.
	Bits, Shift int
	// Shared tells that another member comes first at the same place, in a union: what is known of a pointer there is that one's.
	Shared bool
}

// depth bounds how many anonymous structs lie in each other.
const depth = 16

// Member is the member of a struct or union with a name.
func (k *Kernel) Member(t Type, name string) (Member, bool) {
	if t.Kind != Struct && t.Kind != Union || name == "" {
		return Member{}, false
	}
	key := memberKey{t.id, name}
	k.mu.Lock()
	m, known := k.members[key]
	k.mu.Unlock()
	if !known {
		m, _ = k.member(t.id, name, depth)
		k.mu.Lock()
		if len(k.members) < cacheEntries {
			k.members[key] = m
		}
		k.mu.Unlock()
	}
	return m, m.Name != ""
}

func (k *Kernel) member(id uint32, name string, depth int) (Member, bool) {
	r := k.blob.at(id)
	if r.kind != kindStruct && r.kind != kindUnion || depth == 0 {
		return Member{}, false
	}
	for i := range r.length {
		nameAt := r.word(3 * i)
		if nameAt != 0 && !k.blob.is(nameAt, "") {
			if k.blob.is(nameAt, name) {
				return k.placed(&r, i, name)
			}
			continue
		}
		inner, ok := k.anonymous(r.word(3*i + 1))
		if !ok {
			continue
		}
		if m, found := k.member(inner, name, depth-1); found {
			offset, _ := r.bits(i)
			m.Offset += offset / 8
			m.Shared = m.Shared || r.kind == kindUnion && i > 0
			return m, true
		}
	}
	return Member{}, false
}

// anonymous is the struct or union behind a member without a name.
func (k *Kernel) anonymous(id uint32) (uint32, bool) {
	for range steps {
		r := k.blob.at(id)
		switch r.kind {
		case kindConst, kindVolatile, kindTypedef, kindTypeTag:
			id = r.size
		case kindStruct, kindUnion:
			return id, true
		default:
			return 0, false
		}
	}
	return 0, false
}

// bits is where a member begins, in bits, and how wide it is if it is a bit field.
func (r *record) bits(i int) (offset, width int) {
	raw := r.word(3*i + 2)
	if r.flag {
		return int(raw & 0xffffff), int(raw >> 24)
	}
	return int(raw), 0
}

// placed is the i-th member of a struct.
func (k *Kernel) placed(r *record, i int, name string) (Member, bool) {
	offset, width := r.bits(i)
	m := Member{Name: name, Type: k.resolve(r.word(3*i + 1)), Shared: r.kind == kindUnion && i > 0}
	if width == 0 && (m.Type.Kind == Int || m.Type.Kind == Bool) && (m.Type.bits != 8*m.Type.Size || offset%8 != 0) {
		width = m.Type.bits
	}
	if width == 0 || m.Type.Size == 0 {
		m.Offset = offset / 8
		return m, true
	}
	unit := 8 * m.Type.Size
	m.Offset = offset / unit * m.Type.Size
	m.Bits, m.Shift = width, offset%unit
	if m.Shift+m.Bits > unit {
		m.Type = Type{Kind: Other}
	}
	return m, true
}

// First is the member that a struct begins with, if that has a name.
func (k *Kernel) First(t Type) (Member, bool) {
	r := k.blob.at(t.id)
	if t.Kind != Struct && t.Kind != Union || r.kind != kindStruct && r.kind != kindUnion || r.length == 0 || k.blob.is(r.word(0), "") {
		return Member{}, false
	}
	return k.placed(&r, 0, k.blob.text(r.word(0)))
}

// Members are the names of all members, through anonymous structs, in the order of the struct.
func (k *Kernel) Members(t Type) []string {
	if t.Kind != Struct && t.Kind != Union {
		return nil
	}
	return k.names(nil, t.id, depth)
}

func (k *Kernel) names(to []string, id uint32, depth int) []string {
	r := k.blob.at(id)
	if r.kind != kindStruct && r.kind != kindUnion || depth == 0 {
		return to
	}
	for i := range r.length {
		if name := k.blob.text(r.word(3 * i)); name != "" {
			to = append(to, name)
		} else if inner, ok := k.anonymous(r.word(3*i + 1)); ok && len(to) < cacheEntries {
			to = k.names(to, inner, depth-1)
		}
	}
	return to
}
