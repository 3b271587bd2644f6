// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
)

const (
	// maxSteps is how many steps a subquery may have: every half minute of a year. The library makes room for all of them
	// before it counts anything, so that few letters, such as [100y:1ms], would end the process.
	maxSteps = 1_051_200
	// withoutStep is the step of a subquery that does not say it.
	withoutStep = time.Minute
)

// boundedEngine is the library's engine, which refuses questions whose steps it would choke on.
type boundedEngine struct {
	*promql.Engine
	parser parser.Parser
}

// NewInstantQuery prepares a question about an instant.
func (e *boundedEngine) NewInstantQuery(ctx context.Context, from storage.Queryable, options promql.QueryOpts, text string, at time.Time) (promql.Query, error) {
	if err := e.check(text, 0); err != nil {
		return nil, err
	}
	return e.Engine.NewInstantQuery(ctx, from, options, text, at)
}

// NewRangeQuery prepares a question about every step of a time range.
func (e *boundedEngine) NewRangeQuery(ctx context.Context, from storage.Queryable, options promql.QueryOpts, text string, start, end time.Time, step time.Duration) (promql.Query, error) {
	if step < time.Millisecond {
		return nil, fmt.Errorf("the step is %s: a millisecond is the least", step)
	}
	if err := e.check(text, end.Sub(start)); err != nil {
		return nil, err
	}
	return e.Engine.NewRangeQuery(ctx, from, options, text, start, end, step)
}

// What one expression may be. The library's work grows with the square of how much stands within and beside each other, and
// does not end before it is done: 20 kilobytes of brackets are seconds, a megabyte is hours.
const (
	maxText      = 128 << 10
	maxOperators = 500
	maxNesting   = 200
)

// checkText looks at the size of an expression, before it is parsed.
func checkText(text string) error {
	if len(text) > maxText {
		return fmt.Errorf("the expression has %d bytes: at most %d are taken", len(text), maxText)
	}
	lexer, depth, operators := parser.Lex(text), 0, 0
	for {
		var item parser.Item
		lexer.NextItem(&item)
		switch {
		case item.Typ == parser.EOF || item.Typ == parser.ERROR:
			return nil
		case item.Typ == parser.LEFT_PAREN || item.Typ == parser.LEFT_BRACKET || item.Typ == parser.LEFT_BRACE:
			depth++
		case item.Typ == parser.RIGHT_PAREN || item.Typ == parser.RIGHT_BRACKET || item.Typ == parser.RIGHT_BRACE:
			depth--
		case item.Typ.IsOperator():
			operators++
		}
		if depth > maxNesting || operators > maxOperators {
			return fmt.Errorf("the expression is too large: at most %d operators, and %d levels of brackets, are taken", maxOperators, maxNesting)
		}
	}
}

// check looks at the labels and subqueries of an expression that is evaluated over so much time. What cannot be parsed is for the
// library to refuse.
func (e *boundedEngine) check(text string, span time.Duration) error {
	if err := checkText(text); err != nil {
		return err
	}
	expression, err := e.parser.ParseExpr(text)
	if err != nil {
		return nil
	}
	if err := checkLabels(expression); err != nil {
		return err
	}
	var found error
	parser.Inspect(expression, func(node parser.Node, path []parser.Node) error {
		sub, ok := node.(*parser.SubqueryExpr)
		if !ok || found != nil {
			return nil
		}
		step := sub.Step
		if step <= 0 {
			step = withoutStep
		}
		total := float64(span) + float64(sub.Range)
		for _, outer := range path {
			if around, ok := outer.(*parser.SubqueryExpr); ok {
				total += float64(around.Range)
			}
		}
		if steps := math.Ceil(total / float64(step)); steps > maxSteps {
			found = fmt.Errorf("the subquery [%s:%s] has %.0f steps: at most %d are taken; choose a longer step", sub.Range, step, steps, maxSteps)
		}
		return nil
	})
	return found
}
