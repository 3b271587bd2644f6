// SPDX-License-Identifier: Apache-2.0

package lang

import (
	"fmt"
	"slices"
	"strings"

	"cel.dev/cel-go/common/ast"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

// trigger resolves when an event leaves at once.
func (c *compiler) trigger() {
	written := c.written.Trigger
	if written == nil {
		return
	}
	if written.Within <= 0 {
		c.report(&Problem{Field: "spec.trigger.within", Message: "a trigger has a window", Hint: "within: 1s"})
		return
	}
	t := c.text(written.When)
	if t == nil || len(c.probe.Measures) != len(c.written.Measure) {
		return
	}
	v, problem := (&checker{compiler: c, site: c.ends[0], text: t, measured: true}).condition(t.root)
	if problem != nil {
		c.report(problem)
		return
	}
	made := &ir.Trigger{When: v.expr, Within: written.Within}
	v.expr.Walk(func(e *ir.Expr) {
		if e.Op == ir.OpMeasured && !slices.Contains(made.Measures, int(e.Const)) {
			made.Measures = append(made.Measures, int(e.Const))
		}
	})
	if len(made.Measures) == 0 {
		c.report(t.problem(0, len(t.characters), "this does not ask for any measure", "when: connections >= 5"))
		return
	}
	slices.Sort(made.Measures)
	c.probe.Trigger = made
}

// measureNamed is a measure in a trigger: one that a single number tells.
func (c *checker) measureNamed(e ast.Expr, name string) (value, *Problem) {
	for i, m := range c.probe.Measures {
		if m.Name != name {
			continue
		}
		typ := m.Type
		switch m.Kind {
		case ir.Count:
			typ = ir.Type{Kind: ir.Uint}
		case ir.Sum, ir.Min, ir.Max:
			typ = ir.Type{Kind: typ.Kind, Hint: typ.Hint}
		case ir.Average:
			return value{}, c.problem(e, fmt.Sprintf("%s is an average, which a trigger cannot ask for", name), "total / n > …, with total: sum(x) and n: count()")
		case ir.Rate:
			return value{}, c.problem(e, fmt.Sprintf("%s is a rate, which a trigger cannot ask for", name), "count() or sum(x), within: 1s, is one")
		default:
			return value{}, c.problem(e, fmt.Sprintf("%s is of many numbers, which a trigger cannot ask for", name), "count(), sum(x), min(x) and max(x) are of one")
		}
		return scalarValue(c.make(e, ir.Expr{Op: ir.OpMeasured, Type: typ, Const: uint64(i)})), nil
	}
	if v, ok := c.enumerator(e, name); ok {
		return v, nil
	}
	names := measureNames(c.written.Measure)
	hint := nearest(name, names)
	switch {
	case hint == "" && len(names) == 0:
		hint = "measure: {n: count()}"
	case hint == "":
		hint = "there is " + strings.Join(names, ", ")
	}
	if _, ok := c.site.argument(name); ok || slices.Contains(builtinNames(), name) {
		return value{}, c.problem(e, fmt.Sprintf("%s is known at the hook; a trigger asks for measures", name), "what concerns one match stands in where")
	}
	return value{}, c.problem(e, fmt.Sprintf("there is no measure %s", name), hint)
}
