// SPDX-License-Identifier: Apache-2.0

package spec

// shape says what a value in a document may be: a scalar, a list, a mapping, or one of several of these. The parser and
// the JSON schema both follow it.
type shape struct {
	// expected names it in messages: "a time such as 10s".
	expected string
	// bounds says between what it must be, for the reference.
	bounds string
	// name is what the schema refers to a shape by that stands at several places.
	name string
	// scalar reads a scalar; nil where none is allowed.
	scalar *scalar
	// items is what a list holds, at least one and at most most; nil where no list is allowed.
	items *shape
	most  int
	// fields are those of a mapping with names of ours; values is what a mapping with the writer's own names holds (the
	// names are of shape keys, at most most).
	fields       []field
	keys, values *shape
	// oneOf names fields of which exactly one must be there; needs says what for.
	oneOf []string
	needs string
	// single mappings of the writer's own names have exactly one entry.
	single bool
	// check looks at what no table says, once the rest is right.
	check func(*reader, *value)
}

// field is one name in a mapping.
type field struct {
	name     string
	about    string
	shape    *shape
	required bool
	// defaults is what it is when it is not written, for the schema.
	defaults any
	examples []any
}

// mapping tells whether any mapping is allowed.
func (s *shape) mapping() bool { return s.fields != nil || s.values != nil }

func (s *shape) field(name string) *field {
	for i := range s.fields {
		if s.fields[i].name == name {
			return &s.fields[i]
		}
	}
	return nil
}

func (s *shape) names() []string {
	names := make([]string, len(s.fields))
	for i, f := range s.fields {
		names[i] = f.name
	}
	return names
}

// homes finds where in the document a field of this name belongs.
func homes(s *shape, name, path string, found []string) []string {
	for _, f := range s.fields {
		if f.name == name && path != "" {
			found = append(found, path)
		}
		if f.shape != nil {
			inner := f.name
			if path != "" {
				inner = path + "." + f.name
			}
			found = homes(f.shape, name, inner, found)
		}
	}
	return found
}
