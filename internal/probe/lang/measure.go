// SPDX-License-Identifier: Apache-2.0

package lang

import (
	"fmt"

	"cel.dev/cel-go/common/ast"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
	"github.com/aeolus-ebpf/aeolus/internal/probe/spec"
)

// measureKind is a way to measure.
type measureKind struct {
	documented
	kind ir.MeasureKind
	// least and most arguments.
	least, most int
}

// measureTable are the ways to measure.
var measureTable = []measureKind{
	{documented{"count()", "uint", "how many matches"}, ir.Count, 0, 0},
	{documented{"sum(x)", "as x", "the sum; it wraps at 64 bits"}, ir.Sum, 1, 1},
	{documented{"min(x)", "as x", "the least value"}, ir.Min, 1, 1},
	{documented{"max(x)", "as x", "the greatest value"}, ir.Max, 1, 1},
	{documented{"avg(x)", "as x", "sum divided by count"}, ir.Average, 1, 1},
	{documented{"histogram(x)", "buckets", "how many values up to each power of two; negative ones count as 0"}, ir.Log2Histogram, 1, 1},
	{documented{"histogram(x, [1, 10, 100])", "buckets", "how many values below each bound, and from the last one on"}, ir.Histogram, 2, 2},
	{documented{"distinct(x)", "uint", "about how many different values: HyperLogLog, ± 6.5 %; distinct(x, p) with p from 4 to 12, ± 1.04 / √2^p"}, ir.Distinct, 1, 2},
	{documented{"rate()", "uint", "matches per second"}, ir.Rate, 0, 0},
	{documented{"rate(x)", "as x", "the sum per second"}, ir.Rate, 1, 1},
}

// measureKinds are the names of these.
var measureKinds = func() map[string]bool {
	names := map[string]bool{}
	for _, m := range measureTable {
		names[wordOf(m.name)] = true
	}
	return names
}()

const (
	boundLimit       = 64
	distinctDefault  = 8
	distinctLeast    = 4
	distinctGreatest = 12
)

// measures resolves what is measured.
func (c *compiler) measures() {
	taken := map[string]bool{}
	for i := range c.written.Measure {
		m := &c.written.Measure[i]
		t := c.text(m.Expression)
		if t == nil {
			continue
		}
		made := ir.Measure{Name: m.Name}
		if made.Name == "" {
			made.Name = m.Text
		}
		if taken[made.Name] {
			c.report(t.problem(0, len(t.characters), "there are two measures called "+made.Name, "write {name: text}"))
			continue
		}
		taken[made.Name] = true
		if problem := c.measure(t, &made); problem != nil {
			c.report(problem)
		}
	}
}

// measure resolves one measure at all hooks.
func (c *compiler) measure(t *text, made *ir.Measure) *Problem {
	call, problem := measureCall(t)
	if problem != nil {
		return problem
	}
	arguments := call.Args()
	var row *measureKind
	for i := range measureTable {
		m := &measureTable[i]
		if wordOf(m.name) == call.FunctionName() && len(arguments) >= m.least && len(arguments) <= m.most {
			row = m
			break
		}
	}
	if row == nil {
		return t.problem(0, len(t.characters), fmt.Sprintf("%s does not take %s", call.FunctionName(), count(len(arguments), "argument")),
			measureHint(call.FunctionName()))
	}
	made.Kind = row.kind
	if len(arguments) == 0 {
		for _, s := range c.ends {
			s.hook.Measures = append(s.hook.Measures, nil)
		}
		c.probe.Measures = append(c.probe.Measures, *made)
		return nil
	}
	values, problem := c.measured(t, arguments[0], row.kind)
	if problem != nil || values == nil {
		return problem
	}
	made.Type = values[0].expr.Type
	if problem := c.details(t, arguments[1:], made); problem != nil {
		return problem
	}
	for i, s := range c.ends {
		s.hook.Measures = append(s.hook.Measures, values[i].expr)
	}
	c.probe.Measures = append(c.probe.Measures, *made)
	return nil
}

func measureCall(t *text) (ast.CallExpr, *Problem) {
	if t.root.Kind() != ast.CallKind || t.root.AsCall().IsMemberFunction() || !measureKinds[t.root.AsCall().FunctionName()] {
		return nil, t.problem(0, len(t.characters), "this is no measure", "count(), sum(x), min(x), max(x), avg(x), histogram(x), distinct(x), rate()")
	}
	return t.root.AsCall(), nil
}

func measureHint(name string) string {
	for _, m := range measureTable {
		if wordOf(m.name) == name {
			return m.name + ": " + m.about
		}
	}
	return ""
}

// measured resolves the measured value at all hooks.
func (c *compiler) measured(t *text, argument ast.Expr, kind ir.MeasureKind) ([]value, *Problem) {
	values := make([]value, 0, len(c.ends))
	for _, s := range c.ends {
		k := &checker{compiler: c, site: s, text: t}
		v, problem := k.plain(argument)
		if problem == nil {
			v, problem = k.column(argument, v)
		}
		if problem != nil {
			return nil, problem
		}
		if v.kind() == ir.Bool && kind != ir.Distinct {
			v = scalarValue(k.unary(argument, ir.OpConvert, ir.Type{Kind: ir.Int}, v.expr))
		}
		if kind != ir.Distinct && !v.numeric() && v.kind() != ir.Duration {
			return nil, k.problem(argument, fmt.Sprintf("%s cannot be measured", article(&v)), "distinct(x) counts different values of any type; by: makes rows of them")
		}
		values = append(values, v)
	}
	if !c.agree(t, c.ends, values) {
		return nil, nil
	}
	return values, nil
}

// details resolves what follows the value: bounds of a histogram, or the precision of distinct.
func (c *compiler) details(t *text, arguments []ast.Expr, made *ir.Measure) *Problem {
	if made.Kind == ir.Distinct {
		made.Precision = distinctDefault
	}
	if len(arguments) == 0 {
		return nil
	}
	k := &checker{compiler: c, site: c.ends[0], text: t}
	if made.Kind == ir.Distinct {
		v, problem := k.plain(arguments[0])
		if problem != nil {
			return problem
		}
		if !v.constant() || !v.numeric() || v.expr.Const < distinctLeast || v.expr.Const > distinctGreatest {
			return k.problemf(arguments[0], "the precision is a constant from %d to %d", distinctLeast, distinctGreatest)
		}
		made.Precision = int(v.expr.Const)
		return nil
	}
	if arguments[0].Kind() != ast.ListKind {
		return k.problem(arguments[0], "the bounds of a histogram are a list", "histogram(x, [1, 10, 100])")
	}
	return k.bounds(arguments[0], made)
}

func (c *checker) bounds(list ast.Expr, made *ir.Measure) *Problem {
	elements := list.AsList().Elements()
	if len(elements) == 0 || len(elements) > boundLimit {
		return c.problemf(list, "a histogram has 1 to %d bounds", boundLimit)
	}
	like := value{expr: c.number(list, ir.Type{Kind: made.Type.Kind}, 0)}
	for i, element := range elements {
		v, problem := c.plain(element)
		if problem != nil {
			return problem
		}
		c.adapt(element, &v, &like)
		if !v.constant() || v.kind() != made.Type.Kind && (!v.numeric() || !like.numeric()) {
			hint := ""
			if like.kind() == ir.Duration {
				hint = "[duration('1ms'), '10ms', '1s']"
			}
			return c.problem(element, fmt.Sprintf("a bound is a constant of the same type: %s", article(&like)), hint)
		}
		bound := int64(v.expr.Const)
		if bound < 0 && v.kind() == ir.Uint {
			return c.problem(element, "a bound has 63 bits", "")
		}
		if i > 0 && bound <= made.Bounds[i-1] {
			return c.problem(element, "bounds ascend", "")
		}
		made.Bounds = append(made.Bounds, bound)
	}
	return nil
}

// top resolves which measure orders the keys.
func (c *compiler) top() {
	written := c.written.Top
	if written == nil {
		return
	}
	tell := func(message, hint string) { c.report(&Problem{Field: "spec.top", Message: message, Hint: hint}) }
	if len(c.written.By) == 0 {
		tell("there are no keys to order", "by: […]")
		return
	}
	if written.K < 1 || written.K > 10000 {
		tell("k is from 1 to 10000", "")
		return
	}
	for i, m := range c.probe.Measures {
		if m.Name != written.By {
			continue
		}
		if m.Kind == ir.Log2Histogram || m.Kind == ir.Histogram {
			tell(fmt.Sprintf("%s is a histogram, which has no order", m.Name), "order by count() or sum(x)")
			return
		}
		c.probe.Top = &ir.Top{K: written.K, Measure: i}
		return
	}
	tell(fmt.Sprintf("there is no measure %s", written.By), nearest(written.By, measureNames(c.written.Measure)))
}

func measureNames(measures []spec.Named) []string {
	var names []string
	for i := range measures {
		names = append(names, measures[i].Name)
	}
	return names
}
