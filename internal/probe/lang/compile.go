// SPDX-License-Identifier: Apache-2.0

package lang

import (
	"cmp"
	"slices"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
	"github.com/aeolus-ebpf/aeolus/internal/probe/spec"
	"github.com/aeolus-ebpf/aeolus/internal/probe/types"
)

// problemLimit is how many problems are told at most.
const problemLimit = 20

// compiler is one compilation.
type compiler struct {
	target   Target
	kernel   *types.Kernel
	written  *spec.Probe
	probe    *ir.Probe
	pool     *pool
	texts    map[spec.Expression]*text
	problems Problems
	// searches is how often all of the kernel's names of a kind were looked through for a suggestion.
	searches int
	// starts and ends are the hooks with the names that are known there; without a pair all are ends.
	starts, ends []*site
}

// Compile resolves a probe for a kernel. The error is of type Problems.
func Compile(p *spec.Probe, target Target) (*ir.Probe, error) {
	c := &compiler{
		target: target, kernel: target.Kernel, written: p, pool: newPool(), texts: map[spec.Expression]*text{},
		probe: &ir.Probe{
			Name: p.Name, SampleOneIn: p.SampleOneIn, Entries: p.Entries, Budget: p.Budget, TTL: p.TTL, Enums: map[string]ir.Enum{},
		},
	}
	if target.Kernel == nil {
		return nil, Problems{{Field: "spec", Message: "no kernel's types are at hand"}}
	}
	if c.limits(); len(c.problems) == 0 {
		c.compile()
	}
	if len(c.problems) > 0 {
		slices.SortStableFunc(c.problems, func(a, b Problem) int {
			return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
		})
		return nil, c.problems
	}
	return c.probe, nil
}

// compile resolves the parts of the probe, each even where another one is wrong.
func (c *compiler) compile() {
	if c.written.Pair != nil {
		c.starts = c.sites(c.written.Pair.Starts, "spec.pair.start")
	}
	field := "spec.hooks"
	if len(c.written.Hooks) == 1 {
		field = "spec.hook"
	}
	c.ends = c.sites(c.written.Hooks, field)
	if len(c.problems) > 0 {
		return
	}
	c.pair()
	c.guards()
	c.where()
	c.keys()
	c.measures()
	c.emits()
	c.trigger()
	c.top()
	c.finish()
}

// finish puts the hooks into the probe.
func (c *compiler) finish() {
	for _, s := range c.ends {
		c.probe.Hooks = append(c.probe.Hooks, s.hook)
	}
	for _, s := range c.starts {
		c.probe.Pair.Starts = append(c.probe.Pair.Starts, s.hook)
	}
	if c.pool.full() && len(c.problems) == 0 {
		c.report(&Problem{Field: "spec", Message: "the probe's expressions are too large together"})
	}
}

// report notes a problem, unless it is known or there are too many.
func (c *compiler) report(p *Problem) {
	if p == nil || len(c.problems) >= problemLimit || slices.Contains(c.problems, *p) {
		return
	}
	c.problems = append(c.problems, *p)
}

// text is a written expression, parsed once for all hooks; nil where it cannot be parsed, which is told once.
func (c *compiler) text(written spec.Expression) *text {
	if t, known := c.texts[written]; known {
		return t
	}
	t, problem := parse(written)
	c.report(problem)
	if t != nil {
		t.source = len(c.probe.Sources)
		c.probe.Sources = append(c.probe.Sources, ir.Source{Where: written.Field, Text: written.Text})
	}
	c.texts[written] = t
	return t
}

// check resolves a text at a hook; nil where it is wrong, which is told.
func (c *compiler) check(t *text, s *site) *value {
	if t == nil {
		return nil
	}
	v, problem := (&checker{compiler: c, site: s, text: t}).value(t.root)
	if problem != nil {
		c.report(problem)
		return nil
	}
	return &v
}
