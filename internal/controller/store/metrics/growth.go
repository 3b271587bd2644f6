// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"fmt"
	"strings"

	"github.com/prometheus/prometheus/promql/parser"
)

// What an expression may make of labels. The library counts samples, and not how long the labels are that it makes for each:
// label_join(x, "a", "", "a", "a") within itself doubles them every time, for each of a hundred thousand series.
const (
	maxGrowth  = 64
	maxWritten = 4096
)

// checkLabels looks at what an expression writes into labels.
func checkLabels(expression parser.Expr) error {
	written := 0
	var found error
	parser.Inspect(expression, func(node parser.Node, path []parser.Node) error {
		call, ok := node.(*parser.Call)
		if !ok || found != nil {
			return nil
		}
		growth, text := labelGrowth(call)
		written += text
		for _, outer := range path {
			if around, ok := outer.(*parser.Call); ok {
				more, _ := labelGrowth(around)
				growth = min(growth*more, maxGrowth+1)
			}
		}
		if growth > maxGrowth || written > maxWritten {
			found = fmt.Errorf("label_join and label_replace make labels too long: %d times as long as they were, and %d bytes of the expression, are the most",
				maxGrowth, maxWritten)
		}
		return nil
	})
	return found
}

// labelGrowth is how many times as long as before a call may make a label, at least 1, and how many bytes it adds of its own.
func labelGrowth(call *parser.Call) (times, text int) {
	switch {
	case call.Func.Name == "label_replace" && len(call.Args) == 5:
		replacement := literal(call.Args[2])
		// Each $1 or ${name} may stand for the whole of a label.
		return max(1, strings.Count(replacement, "$")), len(replacement) + len(literal(call.Args[1]))
	case call.Func.Name == "label_join" && len(call.Args) > 3:
		sources := len(call.Args) - 3
		return sources, sources*len(literal(call.Args[2])) + len(literal(call.Args[1]))
	}
	return 1, 0
}

// literal is the text of an argument that is a string.
func literal(argument parser.Expr) string {
	for {
		switch node := argument.(type) {
		case *parser.StringLiteral:
			return node.Val
		case *parser.ParenExpr:
			argument = node.Expr
		case *parser.StepInvariantExpr:
			argument = node.Expr
		default:
			return ""
		}
	}
}
