// SPDX-License-Identifier: Apache-2.0

package spec

import (
	"bytes"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Form is a probe as it is written on a command line: each part as its flag has it.
type Form struct {
	// Name is the probe's; "command-line" if it is empty.
	Name string
	// Where is what must hold; it may be empty.
	Where string
	// Hooks are KIND:TARGET. Starts, StartWhere, StartKey and Keep (NAME=EXPRESSION) are those of a pair; EndKey is the key as the
	// end sees it.
	Hooks, Starts                []string
	StartWhere, StartKey, EndKey string
	Keep                         []string
	// By and Emit are EXPRESSION or NAME=EXPRESSION; Measure is the same, and a name is made up where there is none.
	By, Measure, Emit []string
	// Scope are NAME=VALUE; labels are label.NAME=VALUE.
	Scope []string
	// When and Within are the trigger's. Top is K:MEASURE.
	When, Within, Top string
	Sample            string
	CPU, Memory       string
	Events, TTL       string
	Entries           int
}

// node makes a YAML value.
func scalarNode(text string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: tagText, Value: text}
}

// written is a mapping that is being written.
type written struct{ node *yaml.Node }

func newWritten() written { return written{&yaml.Node{Kind: yaml.MappingNode}} }

func (w written) put(name string, node *yaml.Node) {
	if node != nil {
		w.node.Content = append(w.node.Content, scalarNode(name), node)
	}
}

func (w written) text(name, text string) {
	if text != "" {
		w.put(name, scalarNode(text))
	}
}

// mapping puts another mapping, if something is in it.
func (w written) mapping(name string, inner written) {
	if len(inner.node.Content) > 0 {
		w.put(name, inner.node)
	}
}

// Document writes the form as a YAML document, which Parse takes. An error is a mistake in how a flag is written; what is
// wrong with what the flags say is for Parse.
func (f *Form) Document() ([]byte, error) {
	body := newWritten()
	scope, err := f.scope()
	if err != nil {
		return nil, err
	}
	body.mapping("scope", scope)
	hooks(body, f.Hooks)
	if err := f.pair(body); err != nil {
		return nil, err
	}
	body.text("where", f.Where)
	body.put("by", list(f.By))
	measure, err := f.measure()
	if err != nil {
		return nil, err
	}
	body.mapping("measure", measure)
	if f.Top != "" {
		k, by, found := strings.Cut(f.Top, ":")
		if !found {
			return nil, fmt.Errorf("--top %s: expected how many and by which measure, such as 10:connections", f.Top)
		}
		top := newWritten()
		top.put("k", &yaml.Node{Kind: yaml.ScalarNode, Value: k})
		top.text("by", by)
		body.mapping("top", top)
	}
	body.text("sample", f.Sample)
	trigger := newWritten()
	trigger.text("when", f.When)
	trigger.text("within", f.Within)
	body.mapping("trigger", trigger)
	body.put("emit", list(f.Emit))
	if f.Entries != 0 {
		body.put("entries", &yaml.Node{Kind: yaml.ScalarNode, Tag: tagNumber, Value: fmt.Sprint(f.Entries)})
	}
	budget := newWritten()
	budget.text("cpu", f.CPU)
	budget.text("memory", f.Memory)
	budget.text("events", f.Events)
	body.mapping("budget", budget)
	body.text("ttl", f.TTL)
	return f.whole(body)
}

// whole puts the head before the body, and writes it.
func (f *Form) whole(body written) ([]byte, error) {
	metadata, document := newWritten(), newWritten()
	name := f.Name
	if name == "" {
		name = "command-line"
	}
	metadata.text("name", name)
	document.text("apiVersion", APIVersion)
	document.text("kind", Kind)
	document.mapping("metadata", metadata)
	document.put("spec", body.node)
	var text bytes.Buffer
	encoder := yaml.NewEncoder(&text)
	encoder.SetIndent(2)
	if err := encoder.Encode(document.node); err != nil {
		return nil, fmt.Errorf("writing the probe: %w", err)
	}
	return text.Bytes(), nil
}

func (f *Form) scope() (written, error) {
	scope, labels := newWritten(), newWritten()
	for _, part := range f.Scope {
		name, value, found := strings.Cut(part, "=")
		if !found {
			return scope, fmt.Errorf("--scope %s: expected a name and a value, such as workload=checkout", part)
		}
		if label, found := strings.CutPrefix(name, "label."); found {
			labels.put(label, scalarNode(value))
			continue
		}
		scope.put(name, scalarNode(value))
	}
	scope.mapping("labels", labels)
	return scope, nil
}

func (f *Form) pair(body written) error {
	pair, start, keep := newWritten(), newWritten(), newWritten()
	hooks(start, f.Starts)
	start.text("where", f.StartWhere)
	start.text("key", f.StartKey)
	for _, kept := range f.Keep {
		name, text, found := assignment(kept)
		if !found {
			return fmt.Errorf("--keep %s: expected a name and an expression, such as port=sock(sk).dport", kept)
		}
		keep.text(name, text)
	}
	start.mapping("keep", keep)
	pair.mapping("start", start)
	pair.text("key", f.EndKey)
	body.mapping("pair", pair)
	return nil
}

// measure names what has no name after its function: count, count2, and so on.
func (f *Form) measure() (written, error) {
	measure := newWritten()
	used := map[string]bool{}
	for _, m := range f.Measure {
		name, text, found := assignment(m)
		if !found {
			function, _, call := strings.Cut(m, "(")
			if name, text = strings.TrimSpace(function), m; !call || !identifier(name) {
				return measure, fmt.Errorf("--measure %s: expected a call such as count() or histogram(tcp(sk).srtt), with or without NAME= before it", m)
			}
			for n := 2; used[name]; n++ {
				name = fmt.Sprintf("%s%d", strings.TrimSpace(function), n)
			}
		}
		used[name] = true
		measure.text(name, text)
	}
	return measure, nil
}

func hooks(into written, texts []string) {
	switch len(texts) {
	case 0:
	case 1:
		into.text("hook", texts[0])
	default:
		all := &yaml.Node{Kind: yaml.SequenceNode}
		for _, text := range texts {
			all.Content = append(all.Content, scalarNode(text))
		}
		into.put("hooks", all)
	}
}

// list writes columns: texts, or names with texts.
func list(columns []string) *yaml.Node {
	if len(columns) == 0 {
		return nil
	}
	all := &yaml.Node{Kind: yaml.SequenceNode}
	for _, column := range columns {
		name, text, found := assignment(column)
		if !found {
			all.Content = append(all.Content, scalarNode(column))
			continue
		}
		one := newWritten()
		one.put(name, scalarNode(text))
		all.Content = append(all.Content, one.node)
	}
	return all
}

// assignment takes NAME=EXPRESSION apart; a == is none.
func assignment(text string) (name, expression string, found bool) {
	name, expression, found = strings.Cut(text, "=")
	name = strings.TrimSpace(name)
	if !found || strings.HasPrefix(expression, "=") || !identifier(name) {
		return "", text, false
	}
	return name, strings.TrimSpace(expression), true
}

func identifier(text string) bool {
	for i, r := range text {
		if r != '_' && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return text != ""
}
