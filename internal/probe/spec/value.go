// SPDX-License-Identifier: Apache-2.0

package spec

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/aeolus-ebpf/aeolus/internal/settings"
)

// value is a part of a document that has the shape it should have.
type value struct {
	node *yaml.Node
	path string
	// read is what a scalar says; items are a list's, fields a mapping's in their order.
	read   any
	items  []*value
	fields []entry
}

// entry is one name of a mapping with its value.
type entry struct {
	key *yaml.Node
	*value
}

// at is the value of a name, nil where it is not written.
func (v *value) at(name string) *value {
	if v == nil {
		return nil
	}
	for _, e := range v.fields {
		if e.key.Value == name {
			return e.value
		}
	}
	return nil
}

// text is what a scalar says; empty where nothing is written.
func (v *value) text() string {
	if v == nil {
		return ""
	}
	text, _ := v.read.(string)
	return text
}

// or is what a scalar says, or what it is when nothing is written.
func or[T any](v *value, defaults T) T {
	if v != nil {
		if read, ok := v.read.(T); ok {
			return read
		}
	}
	return defaults
}

// reader follows shapes through a document and collects what is wrong.
type reader struct {
	root     *shape
	lines    []string
	problems Problems
	// found counts all problems, also those that are not kept.
	found int
	// flags are the names that nodes have on a command line; nil for a document.
	flags map[*yaml.Node]string
}

// wrong notes a problem at a node.
func (r *reader) wrong(node *yaml.Node, path, hint, format string, args ...any) {
	if r.found++; len(r.problems) >= 4*mostProblems {
		return
	}
	if flag := r.flags[node]; flag != "" {
		path = flag
	}
	length := 1
	if node.Kind == yaml.ScalarNode && !strings.Contains(node.Value, "\n") {
		length = utf8.RuneCountInString(node.Value)
		if node.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0 {
			length += 2
		}
	}
	r.problems = append(r.problems, Problem{
		Field: clip(path, longestTold), Line: node.Line, Column: node.Column, Length: max(length, 1),
		Message: clip(fmt.Sprintf(format, args...), longestTold), Hint: clip(hint, longestTold),
	})
}

// take reads a node by a shape; nil if it has not that shape.
func (r *reader) take(node *yaml.Node, s *shape, path string) *value {
	v := &value{node: node, path: path}
	before := r.found
	switch {
	case node.Kind == yaml.AliasNode || node.Anchor != "":
		r.wrong(node, path, "write the value itself, or put the expression in quotes", "anchors (&) and aliases (*) of YAML have no place in a probe")
	case node.Style&yaml.TaggedStyle != 0:
		r.wrong(node, path, "put an expression that begins with ! in quotes", "YAML takes %s for a tag", node.Tag)
	case node.Kind == yaml.ScalarNode && s.scalar != nil:
		r.takeScalar(v, s)
	case node.Kind == yaml.SequenceNode && s.items != nil:
		r.takeList(v, s)
	case node.Kind == yaml.MappingNode && s.mapping():
		r.takeMapping(v, s)
	default:
		r.wrong(node, path, "", "expected %s, got %s", s.expected, describe(node))
	}
	if r.found > before {
		return nil
	}
	if s.check != nil {
		s.check(r, v)
	}
	if r.found > before {
		return nil
	}
	return v
}

func describe(node *yaml.Node) string {
	switch node.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	if node.Tag == tagNothing {
		return "nothing"
	}
	return fmt.Sprintf("%q", clip(node.Value, 40))
}

// longestTold is how many characters of a message are told: names in it may be as long as the document.
const longestTold = 512

// clip shortens a text to so many characters.
func clip(text string, longest int) string {
	if utf8.RuneCountInString(text) <= longest {
		return text
	}
	return string([]rune(text)[:longest]) + "…"
}

func (r *reader) takeScalar(v *value, s *shape) {
	read, err := s.scalar.take(v.node)
	switch {
	case err == nil:
		v.read = read
	case err == errUnexpected:
		r.wrong(v.node, v.path, "", "expected %s, got %s", s.expected, describe(v.node))
	default:
		r.wrong(v.node, v.path, "expected "+s.expected, "%v", err)
	}
}

func (r *reader) takeList(v *value, s *shape) {
	if len(v.node.Content) == 0 || len(v.node.Content) > s.most {
		r.wrong(v.node, v.path, "", "expected 1 to %d in the list, got %d", s.most, len(v.node.Content))
		return
	}
	for i, node := range v.node.Content {
		if v.node.Style&yaml.FlowStyle != 0 && unbalanced(node) {
			r.wrong(node, fmt.Sprintf("%s[%d]", v.path, i), "put the whole text in quotes, or write one text a line, each after a dash",
				"YAML splits a list in brackets at every comma, also within parentheses")
			return
		}
		if item := r.take(node, s.items, fmt.Sprintf("%s[%d]", v.path, i)); item != nil {
			v.items = append(v.items, item)
		}
	}
}

// unbalanced tells whether a text has an opening parenthesis without its closing one: part of a call that was split.
func unbalanced(node *yaml.Node) bool {
	return node.Kind == yaml.ScalarNode && node.Style == 0 && strings.Count(node.Value, "(") > strings.Count(node.Value, ")")
}

func (r *reader) takeMapping(v *value, s *shape) {
	seen := map[string]*yaml.Node{}
	unknown := false
	for i := 0; i+1 < len(v.node.Content); i += 2 {
		key, node := v.node.Content[i], v.node.Content[i+1]
		if key.Kind != yaml.ScalarNode || key.Style&yaml.TaggedStyle != 0 || key.Anchor != "" {
			r.wrong(key, v.path, "", "expected a name, got %s", describe(key))
			continue
		}
		if first := seen[key.Value]; first != nil {
			r.wrong(key, join(v.path, key.Value), "", "%s is written twice: in line %d already", key.Value, first.Line)
			continue
		}
		seen[key.Value] = key
		if v.node.Style&yaml.FlowStyle != 0 && unbalanced(node) {
			r.wrong(node, join(v.path, key.Value), "put the whole text in quotes, or write one name a line",
				"YAML splits names in braces at every comma, also within parentheses")
			return
		}
		inner := r.entryShape(v, s, key)
		if unknown = unknown || inner == nil; inner != nil {
			if item := r.take(node, inner, join(v.path, key.Value)); item != nil {
				v.fields = append(v.fields, entry{key, item})
			}
		}
	}
	r.complete(v, s, seen, unknown)
}

// entryShape is the shape of a name's value; nil, with a problem, if the name has no place here.
func (r *reader) entryShape(v *value, s *shape, key *yaml.Node) *shape {
	if f := s.field(key.Value); f != nil {
		return f.shape
	}
	if s.values != nil && s.fields == nil {
		if r.take(key, s.keys, join(v.path, key.Value)) == nil {
			return nil
		}
		return s.values
	}
	names := s.names()
	hint := "there are " + strings.Join(names, ", ")
	if near := settings.Nearest(key.Value, names); near != "" {
		hint = "did you mean " + near + "?"
	} else if places := homes(r.root, key.Value, "", nil); len(places) > 0 {
		hint = "it belongs under " + places[0]
	}
	r.wrong(key, v.path, hint, "there is no field %s", key.Value)
	return nil
}

// complete looks for what is missing from a mapping, or too much; unknown tells that a name had no place in it.
func (r *reader) complete(v *value, s *shape, seen map[string]*yaml.Node, unknown bool) {
	for _, f := range s.fields {
		if f.required && seen[f.name] == nil {
			hint := ""
			if len(f.examples) > 0 {
				hint = fmt.Sprintf("such as %s: %v", f.name, f.examples[0])
			}
			r.wrong(v.node, v.path, hint, "%s is missing", f.name)
		}
	}
	if s.fields == nil && (len(seen) == 0 || s.single && len(seen) > 1 || s.most > 0 && len(seen) > s.most) {
		most := s.most
		if s.single {
			most = 1
		}
		r.wrong(v.node, v.path, "", "expected 1 to %d names, got %d", most, len(seen))
	}
	if s.oneOf == nil {
		return
	}
	var chosen []string
	for _, name := range s.oneOf {
		if seen[name] != nil {
			chosen = append(chosen, name)
		}
	}
	switch len(chosen) {
	case 0:
		if unknown {
			// One that is mistyped may be meant.
			return
		}
		r.wrong(v.node, v.path, "one of "+strings.Join(s.oneOf, ", "), "%s is missing", s.needs)
	case 1:
	default:
		r.wrong(seen[chosen[1]], v.path, "", "%s and %s exclude each other", chosen[0], chosen[1])
	}
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}
