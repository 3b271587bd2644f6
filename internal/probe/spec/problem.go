// SPDX-License-Identifier: Apache-2.0

package spec

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one thing that is wrong with a document.
type Problem struct {
	// Field is where: "spec.budget.cpu"; empty for the document.
	Field string
	// Line and Column count from 1; a Column of 0 stands for the whole line, a Line of 0 for no place at all.
	Line, Column int
	// Length is how many characters are meant.
	Length int
	// Message says what is wrong, Hint what to do about it.
	Message, Hint string
}

func (p Problem) String() string {
	var text strings.Builder
	if p.Line > 0 {
		fmt.Fprintf(&text, "%d:", p.Line)
		if p.Column > 0 {
			fmt.Fprintf(&text, "%d:", p.Column)
		}
		text.WriteByte(' ')
	}
	if p.Field != "" {
		text.WriteString(p.Field + ": ")
	}
	text.WriteString(p.Message)
	if p.Hint != "" {
		text.WriteString(" (" + p.Hint + ")")
	}
	return text.String()
}

// Problems are all that was found, in the order of the document; at most twenty are told.
type Problems []Problem

func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, problem := range p {
		lines[i] = problem.String()
	}
	return strings.Join(lines, "\n")
}

// orNil sorts the problems, and is nil if there are none.
func (p Problems) orNil() error {
	if len(p) == 0 {
		return nil
	}
	slices.SortStableFunc(p, func(a, b Problem) int { return cmp.Or(a.Line-b.Line, a.Column-b.Column) })
	return p[:min(len(p), mostProblems)]
}
