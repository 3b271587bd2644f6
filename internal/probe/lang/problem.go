// SPDX-License-Identifier: Apache-2.0

package lang

import (
	"fmt"
	"strings"
)

// Problem is one thing that is wrong with a probe.
type Problem struct {
	// Field is where in the document: "spec.where", "spec.by[1]". Line and Column are there (from 1), 0 if unknown.
	Field        string
	Line, Column int
	// Source is the text, From and To the characters that are meant, counted from 0.
	Source   string
	From, To int
	Message  string
	// Hint says what exists instead; it may be empty.
	Hint string

	// missing tells that this kernel, or this hook, does not have something that another one may have.
	missing bool
}

// Problems is all that is wrong, in the order of the document.
type Problems []Problem

func (p Problems) Error() string {
	var out strings.Builder
	for i := range p {
		if i > 0 {
			out.WriteByte('\n')
		}
		out.WriteString(p[i].String())
	}
	return out.String()
}

// String is the message, the line of the text and a caret under what is meant.
func (p *Problem) String() string {
	var out strings.Builder
	out.WriteString(p.Field)
	if p.Line > 0 {
		fmt.Fprintf(&out, " (line %d, column %d)", p.Line, p.Column)
	}
	fmt.Fprintf(&out, ": %s", p.Message)
	if p.Source != "" {
		line, from, to := lineOf(p.Source, p.From, p.To)
		fmt.Fprintf(&out, "\n    %s\n    %s%s", line, strings.Repeat(" ", from), strings.Repeat("^", max(1, to-from)))
	}
	if p.Hint != "" {
		fmt.Fprintf(&out, "\n    %s", p.Hint)
	}
	return out.String()
}

// lineOf is the line of a text in which a character is, and the characters that are meant, counted in that line.
func lineOf(text string, from, to int) (line string, start, end int) {
	characters := []rune(text)
	from = min(max(from, 0), len(characters))
	first := from
	for first > 0 && characters[first-1] != '\n' {
		first--
	}
	last := from
	for last < len(characters) && characters[last] != '\n' {
		last++
	}
	to = min(max(to, from), last)
	before, after := "", ""
	if last-first > shownLimit {
		// A window of the line in which what is meant begins.
		if from-first > shownLimit/2 {
			first, before = from-shownLimit/2, "…"
		}
		if last-first > shownLimit {
			last, after = first+shownLimit, "…"
		}
		to = min(to, last)
	}
	line = before + strings.ReplaceAll(string(characters[first:last]), "\t", " ") + after
	shift := len([]rune(before)) - first
	return line, from + shift, to + shift
}

// shownLimit is how many characters of a line are shown.
const shownLimit = 160
