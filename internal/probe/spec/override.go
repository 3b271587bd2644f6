// SPDX-License-Identifier: Apache-2.0

package spec

import (
	"bytes"
	"fmt"

	"go.yaml.in/yaml/v3"
)

// Override writes what the form bounds a probe by (its scope, sample, entries, budget and ttl) over what a document says, and
// leaves the rest as it is. A document that is none is returned unchanged: what is wrong with it is for Parse.
func (f *Form) Override(document []byte) ([]byte, error) {
	if _, err := Parse(document); err != nil {
		return document, nil
	}
	root, problems := decode(document)
	if len(problems) > 0 {
		return document, nil
	}
	over, err := f.bounds()
	if err != nil {
		return nil, err
	}
	body := written{root}.at("spec")
	for i := 0; i < len(over.node.Content); i += 2 {
		name, value := over.node.Content[i].Value, over.node.Content[i+1]
		if name != "budget" {
			body.replace(name, value)
			continue
		}
		budget := body.at(name)
		if budget.node == nil {
			body.replace(name, value)
			continue
		}
		for j := 0; j < len(value.Content); j += 2 {
			budget.replace(value.Content[j].Value, value.Content[j+1])
		}
	}
	var text bytes.Buffer
	encoder := yaml.NewEncoder(&text)
	encoder.SetIndent(2)
	if err := encoder.Encode(root); err != nil {
		return nil, fmt.Errorf("writing the probe: %w", err)
	}
	return text.Bytes(), nil
}

// bounds are those parts of the form that say how far a probe goes, and not what it asks.
func (f *Form) bounds() (written, error) {
	body := newWritten()
	scope, err := f.scope()
	if err != nil {
		return body, err
	}
	body.mapping("scope", scope)
	body.text("sample", f.Sample)
	if f.Entries != 0 {
		body.put("entries", &yaml.Node{Kind: yaml.ScalarNode, Tag: tagNumber, Value: fmt.Sprint(f.Entries)})
	}
	budget := newWritten()
	budget.text("cpu", f.CPU)
	budget.text("memory", f.Memory)
	budget.text("events", f.Events)
	body.mapping("budget", budget)
	body.text("ttl", f.TTL)
	return body, nil
}

// at is the mapping that has a name in another one; without a node if there is none.
func (w written) at(name string) written {
	for i := 0; i+1 < len(w.node.Content); i += 2 {
		if w.node.Content[i].Value == name && w.node.Content[i+1].Kind == yaml.MappingNode {
			return written{w.node.Content[i+1]}
		}
	}
	return written{}
}

// replace puts a value in the place of what has its name, or at the end.
func (w written) replace(name string, value *yaml.Node) {
	for i := 0; i+1 < len(w.node.Content); i += 2 {
		if w.node.Content[i].Value == name {
			w.node.Content[i+1] = value
			return
		}
	}
	w.put(name, value)
}
