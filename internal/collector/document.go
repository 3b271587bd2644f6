// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// document is a source with its places: what the Collector itself says of a mistake names neither file nor line.
type document struct {
	source
	root *yaml.Node
}

// parse reads a source's structure.
func parse(from source) (document, error) {
	var root, second yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader([]byte(from.text)))
	if err := decoder.Decode(&root); err != nil && !errors.Is(err, io.EOF) {
		return document{}, mistakef(from.name, 0, "%s", strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if err := decoder.Decode(&second); err == nil {
		return document{}, mistakef(from.name, second.Line, "expected one document, and here a second one begins")
	}
	d := document{source: from}
	if len(root.Content) == 0 {
		return d, nil
	}
	d.root = root.Content[0]
	if d.root.Kind != yaml.MappingNode {
		return document{}, mistakef(from.name, d.root.Line, "expected sections such as \"receivers:\", got %s", kindOf(d.root))
	}
	return d, d.twice(d.root, 0)
}

// twice finds a key that a mapping has two times: the Collector would take the last one in silence.
func (d document) twice(node *yaml.Node, depth int) error {
	const deepest = 64
	if depth > deepest {
		return mistakef(d.name, node.Line, "it is nested deeper than %d levels", deepest)
	}
	if node.Kind == yaml.MappingNode {
		seen := map[string]int{}
		for i := 0; i+1 < len(node.Content); i += 2 {
			key := node.Content[i]
			if line, is := seen[key.Value]; is && key.Tag != "!!merge" {
				return mistakef(d.name, key.Line, "%s was set already in line %d", key.Value, line)
			}
			seen[key.Value] = key.Line
		}
	}
	for _, child := range node.Content {
		if err := d.twice(child, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// entry is one key of a mapping with its value.
type entry struct{ key, value *yaml.Node }

// entries lists a mapping's keys; it is empty for anything else.
func entries(node *yaml.Node) []entry {
	var list []entry
	if node == nil {
		return nil
	}
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	if node.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		list = append(list, entry{node.Content[i], node.Content[i+1]})
	}
	return list
}

// find gives the deepest place on a path that the document has, and how many steps of the path lead there.
func (d document) find(path []string) (line, depth int) {
	node := d.root
	for i, step := range path {
		found := slices.IndexFunc(entries(node), func(e entry) bool { return e.key.Value == step })
		if found < 0 {
			return line, i
		}
		e := entries(node)[found]
		line, node = e.key.Line, e.value
	}
	return line, len(path)
}

// locate names the place of a path: in the source that has most of it, the last of them first.
func locate(documents []document, path []string) (name string, line int) {
	deepest := 0
	for _, d := range documents {
		if at, depth := d.find(path); depth >= deepest && depth > 0 {
			name, line, deepest = d.name, at, depth
		}
	}
	return name, line
}

// Mistake is something that is wrong in a configuration.
type Mistake struct {
	// File is the file, or how the text was given; Line is 0 where it is not known.
	File string
	Line int
	Text string
}

// Error says where and what.
func (m Mistake) Error() string {
	switch {
	case m.File == "":
		return m.Text
	case m.Line == 0:
		return m.File + ": " + m.Text
	}
	return fmt.Sprintf("%s: line %d: %s", m.File, m.Line, m.Text)
}

func mistakef(file string, line int, format string, args ...any) error {
	return Mistake{File: file, Line: line, Text: fmt.Sprintf(format, args...)}
}

// kindOf says in words what a node is.
func kindOf(node *yaml.Node) string {
	switch {
	case node.Kind == yaml.MappingNode:
		return "a mapping"
	case node.Kind == yaml.SequenceNode:
		return "a list"
	case node.Kind == yaml.AliasNode:
		return "an alias"
	case node.Tag == "!!null":
		return "nothing"
	}
	return fmt.Sprintf("%q", node.Value)
}
