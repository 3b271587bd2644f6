// SPDX-License-Identifier: Apache-2.0

package spec

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
	"github.com/aeolus-ebpf/aeolus/internal/settings"
)

// Parse reads one document. What is wrong with it is Problems, all that can be seen at once.
func Parse(text []byte) (*Probe, error) {
	root, problems := decode(text)
	if len(problems) > 0 {
		return nil, problems.orNil()
	}
	r := &reader{root: document(), lines: Lines(text)}
	read := r.take(root, r.root, "")
	if err := r.problems.orNil(); err != nil {
		return nil, err
	}
	return r.build(read), nil
}

// decode gives the one value of a document.
func decode(text []byte) (*yaml.Node, Problems) {
	if len(text) > LongestDocument {
		return nil, Problems{{Message: fmt.Sprintf("the document has %d bytes, and a probe at most %d", len(text), LongestDocument)}}
	}
	if !utf8.Valid(text) {
		return nil, Problems{{Message: "the document is not UTF-8"}}
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var first, second yaml.Node
	if err := decoder.Decode(&first); errors.Is(err, io.EOF) || err == nil && empty(&first) {
		return nil, Problems{{Message: "the document is empty", Hint: "a probe begins with apiVersion: " + APIVersion}}
	} else if err != nil {
		return nil, Problems{syntax(err, text)}
	}
	if err := decoder.Decode(&second); err != nil && !errors.Is(err, io.EOF) {
		return nil, Problems{syntax(err, text)}
	} else if err == nil && !empty(&second) {
		return nil, Problems{{Line: second.Content[0].Line, Column: second.Content[0].Column, Length: 1,
			Message: "a second document begins here", Hint: "a file holds one probe: put the other into a file of its own"}}
	}
	return first.Content[0], nil
}

// empty tells whether nothing stands in a document.
func empty(document *yaml.Node) bool {
	return len(document.Content) == 0 || document.Content[0].Tag == tagNothing && document.Content[0].Value == ""
}

// build makes a probe of what has the right shape.
func (r *reader) build(v *value) *Probe {
	body := v.at("spec")
	p := &Probe{
		Name: v.at("metadata").at("name").text(), Labels: v.at("metadata").at("labels").texts(), Scope: scope(body.at("scope")),
		Hooks: body.hooks(), Where: r.expression(body.at("where")), By: r.columns(body.at("by")), Measure: r.columns(body.at("measure")),
		Emit: r.columns(body.at("emit")), SampleOneIn: or(body.at("sample"), uint32(1)), Entries: or(body.at("entries"), DefaultEntries),
		EntriesWritten: body.at("entries") != nil,
		TTL:            or(body.at("ttl"), DefaultTTL), Budget: budget(body.at("budget")),
	}
	if top := body.at("top"); top != nil {
		p.Top = &Top{K: or(top.at("k"), 0), By: top.at("by").text()}
	}
	if trigger := body.at("trigger"); trigger != nil {
		p.Trigger = &Trigger{When: r.expression(trigger.at("when")), Within: or(trigger.at("within"), DefaultWithin)}
	}
	if pair := body.at("pair"); pair != nil {
		start := pair.at("start")
		p.Pair = &Pair{
			Starts: start.hooks(), Where: r.expression(start.at("where")), StartKey: r.expression(start.at("key")), EndKey: r.expression(pair.at("key")),
			Keep: r.columns(start.at("keep")), Entries: or(pair.at("entries"), DefaultPairEntries), EntriesWritten: pair.at("entries") != nil, Longest: or(pair.at("longest"), DefaultLongest),
		}
		if p.Pair.EndKey.Text == "" {
			p.Pair.EndKey = p.Pair.StartKey
		}
	}
	return p
}

func scope(v *value) Scope {
	return Scope{
		Workload: v.at("workload").text(), Namespace: v.at("namespace").text(), Container: v.at("container").text(), Node: v.at("node").text(),
		Labels: v.at("labels").texts(), Cgroup: v.at("cgroup").text(), NetNS: v.at("netns").text(),
	}
}

func budget(v *value) ir.Budget {
	return ir.Budget{
		CPU: or(v.at("cpu"), uint32(DefaultCPU)), Memory: or(v.at("memory"), uint64(DefaultMemory)), Events: or(v.at("events"), uint32(DefaultEvents)),
	}
}

// hooks are those of a mapping that has hook or hooks.
func (v *value) hooks() []Hook {
	if one := v.at("hook"); one != nil {
		return []Hook{one.hook()}
	}
	var hooks []Hook
	for _, item := range v.at("hooks").items {
		hooks = append(hooks, item.hook())
	}
	return hooks
}

// texts are the entries of a mapping from names to texts.
func (v *value) texts() map[string]string {
	if v == nil {
		return nil
	}
	texts := map[string]string{}
	for _, e := range v.fields {
		texts[e.key.Value] = e.text()
	}
	return texts
}

func (r *reader) expression(v *value) Expression {
	if v == nil {
		return Expression{}
	}
	line, column := begin(v.node, r.lines)
	return Expression{Text: strings.TrimRight(v.text(), " \n"), Field: v.path, Line: line, Column: column}
}

// columns are the expressions of a list, a mapping, or one text.
func (r *reader) columns(v *value) []Named {
	switch {
	case v == nil:
		return nil
	case v.node.Kind == yaml.ScalarNode:
		return []Named{{Expression: r.expression(v)}}
	}
	var all []Named
	for _, item := range v.items {
		all = append(all, r.columns(item)...)
	}
	for _, e := range v.fields {
		all = append(all, Named{Name: e.key.Value, Expression: r.expression(e.value)})
	}
	return all
}

// checkBody looks at what goes together.
func checkBody(r *reader, v *value) {
	measures := []string{}
	if measured := v.at("measure"); measured != nil {
		for _, e := range measured.fields {
			measures = append(measures, e.key.Value)
		}
	}
	if len(measures) == 0 && v.at("emit") == nil {
		r.wrong(v.node, v.path, "such as measure: {matches: count()}", "there is nothing to measure and nothing to emit")
	}
	if trigger := v.at("trigger"); trigger != nil && len(measures) == 0 {
		r.wrong(trigger.node, trigger.path, "such as measure: {matches: count()}", "a trigger needs a measure to ask for")
	}
	if top := v.at("top"); top != nil {
		checkTop(r, v, top.at("by"), measures)
	}
	for _, name := range []string{"by", "emit"} {
		checkNames(r, v.at(name))
	}
}

func checkTop(r *reader, v, by *value, measures []string) {
	if v.at("by") == nil {
		r.wrong(by.node, by.path, "add by:, which says what the rows are", "there is one row alone to take the top of")
	}
	if slices.Contains(measures, by.text()) {
		return
	}
	hint := "there is none"
	if near := settings.Nearest(by.text(), measures); near != "" {
		hint = "did you mean " + near + "?"
	} else if len(measures) > 0 {
		hint = "there are " + strings.Join(measures, ", ")
	}
	r.wrong(by.node, by.path, hint, "there is no measure %s", by.text())
}

// checkNames holds that no two columns of a list have one name.
func checkNames(r *reader, v *value) {
	seen := map[string]bool{}
	if v == nil {
		return
	}
	for _, item := range v.items {
		name := item.text()
		node := item.node
		for _, e := range item.fields {
			name, node = e.key.Value, e.key
		}
		if seen[name] {
			r.wrong(node, item.path, "", "there are two columns %s", name)
		}
		seen[name] = true
	}
}
