// SPDX-License-Identifier: Apache-2.0

package lang

import (
	"slices"
	"strings"

	"cel.dev/cel-go/common/ast"

	"github.com/aeolus-ebpf/aeolus/internal/probe/spec"
)

// passing are the functions that only say how their last argument is taken: a column of one is called what the argument is.
var passing = []string{"enum", "int", "uint", "bool", "string", "ustring", "ip", "mac", "ksym", "ntohs", "ntohl", "duration"}

// columnName is what a column is called: as it was written, or else by the text's last member or call. Where another column
// would be called the same it is the whole text, so that nobody takes one for the other.
func (c *compiler) columnName(n *spec.Named) string {
	if n.Name != "" {
		return n.Name
	}
	whole, short := oneLine(n.Text), c.shortName(n)
	for _, named := range [][]spec.Named{c.written.By, c.written.Emit} {
		for i := range named {
			other := &named[i]
			name := other.Name
			if name == "" {
				name = c.shortName(other)
			}
			if name == short && oneLine(other.Text) != whole {
				return whole
			}
		}
	}
	return short
}

func (c *compiler) shortName(n *spec.Named) string {
	if t := c.text(n.Expression); t != nil {
		if name := lastName(t.root); name != "" {
			return name
		}
	}
	return oneLine(n.Text)
}

// oneLine is a text without what was written to make it fit.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// lastName is the last member or call of an expression, empty for what has none: sums, comparisons, literals.
func lastName(e ast.Expr) string {
	switch e.Kind() {
	case ast.IdentKind:
		return e.AsIdent()
	case ast.SelectKind:
		if !e.AsSelect().IsTestOnly() {
			return e.AsSelect().FieldName()
		}
	case ast.CallKind:
		call := e.AsCall()
		name, arguments := call.FunctionName(), call.Args()
		if slices.Contains(passing, name) && !call.IsMemberFunction() && len(arguments) > 0 {
			if name == "string" || name == "ustring" {
				return lastName(arguments[0])
			}
			return lastName(arguments[len(arguments)-1])
		}
		if !call.IsMemberFunction() && (len(arguments) == 0 || callableView(name) != nil) {
			return name
		}
	}
	return ""
}
