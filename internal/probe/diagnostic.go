// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"errors"
	"strings"

	"github.com/aeolus-ebpf/aeolus/internal/probe/gen"
	"github.com/aeolus-ebpf/aeolus/internal/probe/lang"
	"github.com/aeolus-ebpf/aeolus/internal/probe/spec"
)

// Diagnostic is one thing that is wrong with a document, as editors want it.
type Diagnostic struct {
	// Line and Column count characters from 1; the end is behind the last character that is meant. Where the place is not known,
	// Line is 0; where only the line is known, Column is 0.
	Line      int `json:"line"`
	Column    int `json:"column"`
	EndLine   int `json:"endLine"`
	EndColumn int `json:"endColumn"`
	// Field is the place by its names: "spec.where".
	Field string `json:"field"`
	// Rule is which part of the compiler objects: "shape" (of the document), "meaning" (of an expression) or "bounds" (of what it
	// would become).
	Rule    string `json:"rule"`
	Message string `json:"message"`
	Hint    string `json:"hint"`
	// Expression is the text that From and To are characters of, counted from 0; empty where it is not about one.
	Expression string `json:"expression"`
	From       int    `json:"from"`
	To         int    `json:"to"`
}

// The rules.
const (
	RuleShape   = "shape"
	RuleMeaning = "meaning"
	RuleBounds  = "bounds"
)

// Diagnose tells what an error of Compile means for the document.
func Diagnose(document []byte, err error) []Diagnostic {
	var shape spec.Problems
	var meaning lang.Problems
	switch {
	case err == nil:
		return nil
	case errors.As(err, &shape):
		found := make([]Diagnostic, len(shape))
		for i, p := range shape {
			found[i] = Diagnostic{Line: p.Line, Column: p.Column, EndLine: p.Line, Field: p.Field, Rule: RuleShape, Message: p.Message, Hint: p.Hint}
			if p.Column > 0 {
				found[i].EndColumn = p.Column + max(p.Length, 1)
			}
		}
		return found
	case errors.As(err, &meaning):
		found := make([]Diagnostic, len(meaning))
		for i, p := range meaning {
			found[i] = located(document, p)
		}
		return found
	}
	return []Diagnostic{{Rule: RuleBounds, Message: bound(err)}}
}

// bound is what is too large, without what was being done.
func bound(err error) string {
	text := err.Error()
	if at := strings.Index(text, gen.ErrBounds.Error()); at >= 0 && errors.Is(err, gen.ErrBounds) {
		return text[at:]
	}
	return text
}

// located finds the characters that are meant in the document: an expression may be folded or quoted there.
func located(document []byte, p lang.Problem) Diagnostic {
	d := Diagnostic{
		Line: p.Line, Column: p.Column, EndLine: p.Line, EndColumn: p.Column + 1, Field: p.Field, Rule: RuleMeaning,
		Message: p.Message, Hint: p.Hint, Expression: p.Source, From: p.From, To: p.To,
	}
	written, err := spec.Parse(document)
	if err != nil {
		return d
	}
	for _, e := range written.Expressions() {
		if e.Field == p.Field && e.Text == p.Source && e.Line > 0 {
			d.Line, d.Column = spec.Locate(document, e, p.From)
			d.EndLine, d.EndColumn = spec.Locate(document, e, max(p.To-1, p.From))
			d.EndColumn++
			break
		}
	}
	return d
}
