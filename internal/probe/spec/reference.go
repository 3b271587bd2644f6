// SPDX-License-Identifier: Apache-2.0

package spec

import (
	"fmt"
	"io"
	"strings"
)

// Reference writes what a document may say, as Markdown.
func Reference(w io.Writer) error {
	r := referrer{seen: map[string]bool{}}
	r.text.WriteString(`# The document of a probe

A probe is one YAML document. This page is made from the table that the parser and the [JSON schema](probe.schema.json) follow; what
stands in its expressions is [the language](probe-language.md), and how to begin is [a guide](../guides/probes.md). Unknown and
repeated fields, anchors, aliases and tags are refused.

| bound | at most |
|---|---|
`)
	for _, bound := range []struct {
		what string
		most int
	}{
		{"bytes of a document", LongestDocument}, {"characters of an expression", LongestExpression}, {"hooks", MostHooks}, {"keys in `by`", MostBy},
		{"measures", MostMeasures}, {"values in `emit`", MostEmit}, {"values in `keep`", MostKeep},
	} {
		fmt.Fprintf(&r.text, "| %s | %d |\n", bound.what, bound.most)
	}
	r.section("the document", "", document())
	_, err := io.WriteString(w, r.text.String())
	return err
}

// referrer writes a section for each mapping, once.
type referrer struct {
	text strings.Builder
	seen map[string]bool
}

func (r *referrer) section(title, path string, s *shape) {
	if s.name != "" {
		title = "a " + s.name
		if r.seen[s.name] {
			return
		}
		r.seen[s.name] = true
	}
	fmt.Fprintf(&r.text, "\n## %s\n\n| field | | what it is |\n|---|---|---|\n", strings.ToUpper(title[:1])+title[1:])
	for _, f := range s.fields {
		fmt.Fprintf(&r.text, "| `%s` | %s | %s |\n", f.name, remark(&f), f.about+forms(&f))
	}
	if s.scalar != nil && s.oneOf != nil {
		r.text.WriteString("\nAlso as one word: `event:tcp_retransmit_skb`, `tcx:eth0:egress`, `cgroup:connect4:/path`, `iter:tcp:5s`.\n")
	}
	for _, f := range s.fields {
		inner := join(path, f.name)
		switch {
		case f.shape.fields != nil:
			r.section("`"+inner+"`", inner, f.shape)
		case f.shape.items != nil && f.shape.items.fields != nil:
			r.section("`"+inner+"`", inner, f.shape.items)
		}
	}
}

// remark says whether a field must be there, or what it is otherwise.
func remark(f *field) string {
	switch {
	case f.required:
		return "required"
	case f.defaults != nil:
		return fmt.Sprintf("`%v`", f.defaults)
	}
	return ""
}

// forms says how a value is written, where that is not a section of its own.
func forms(f *field) string {
	text := ""
	one := f.shape.scalar != nil && f.shape.fields == nil && f.shape.items == nil
	if one && (!f.shape.scalar.plain || f.shape.scalar.bounded) && f.shape.scalar.schema["const"] == nil {
		text = " *" + f.shape.expected
		if f.shape.bounds != "" {
			text += ", " + f.shape.bounds
		}
		text = strings.ReplaceAll(text, "a trailing * matches", "a trailing \\* matches") + "*"
	}
	if len(f.examples) > 0 && !strings.Contains(text, "such as") {
		text += fmt.Sprintf(" Such as `%v`.", f.examples[0])
	}
	return strings.ReplaceAll(text, "|", "\\|")
}
