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

// check looks at the subqueries of an expression that is evaluated over so much time. What cannot be parsed is for the
// library to refuse.
func (e *boundedEngine) check(text string, span time.Duration) error {
	expression, err := e.parser.ParseExpr(text)
	if err != nil {
		return nil
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
