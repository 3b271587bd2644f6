// SPDX-License-Identifier: Apache-2.0

package lang

import (
	"fmt"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
	"github.com/aeolus-ebpf/aeolus/internal/probe/spec"
)

// where resolves the conditions.
func (c *compiler) where() {
	c.conditions(c.written.Where, c.ends)
	if c.written.Pair != nil {
		c.conditions(c.written.Pair.Where, c.starts)
	}
}

func (c *compiler) conditions(written spec.Expression, sites []*site) {
	if written.Text == "" {
		return
	}
	t := c.text(written)
	if t == nil {
		return
	}
	for _, s := range sites {
		v, problem := (&checker{compiler: c, site: s, text: t}).condition(t.root)
		if problem != nil {
			c.report(problem)
			continue
		}
		if v.constant() && !v.static {
			c.report(t.problem(0, len(t.characters), fmt.Sprintf("this is always %t", v.holds()), ""))
		}
		s.hook.Where = v.expr
		c.early(s)
	}
}

// guards resolves what the scope asks for. Of a pair, the start is what has to be within: the end need not be in the same
// process.
func (c *compiler) guards() {
	scope := &c.written.Scope
	if scope.IsHost() {
		return
	}
	sites := c.ends
	if c.written.Pair != nil {
		sites = c.starts
	}
	byOwner := scope.Workload != "" || scope.Namespace != "" || scope.Container != "" || scope.Cgroup != "" || len(scope.Labels) > 0
	for _, s := range sites {
		t, problem := parse(spec.Expression{Text: "owner", Field: "spec.scope"})
		if problem != nil {
			c.report(problem)
			return
		}
		t.source = c.scopeSource()
		checker := &checker{compiler: c, site: s, text: t}
		if byOwner {
			s.hook.Guard = c.scoped(checker, t, s, checker.owner)
		}
		if scope.NetNS != "" {
			s.hook.Guard = c.scoped(checker, t, s, checker.network)
		}
	}
}

// scopeSource is the source that a scope's expressions come from.
func (c *compiler) scopeSource() int {
	for i := range c.probe.Sources {
		if c.probe.Sources[i].Where == "spec.scope" {
			return i
		}
	}
	c.probe.Sources = append(c.probe.Sources, ir.Source{Where: "spec.scope", Text: "owner"})
	return len(c.probe.Sources) - 1
}

// columns resolves named texts at all sites: put takes the expressions of each site, and the fields come back.
func (c *compiler) columns(named []spec.Named, sites []*site, put func(*site, *ir.Expr)) []ir.Field {
	var fields []ir.Field
	taken := map[string]bool{}
	for i := range named {
		n := &named[i]
		field := ir.Field{Name: c.columnName(n)}
		t := c.text(n.Expression)
		if t == nil {
			continue
		}
		if taken[field.Name] {
			c.report(t.problem(0, len(t.characters), "there are two columns called "+field.Name, "write {name: text}"))
			continue
		}
		taken[field.Name] = true
		values := c.everywhere(t, sites)
		if values == nil {
			continue
		}
		field.Type = values[0].expr.Type
		for j, s := range sites {
			put(s, values[j].expr)
		}
		fields = append(fields, field)
	}
	return fields
}

// everywhere resolves a text at all sites to values of one type; nil where that cannot be, which is told.
func (c *compiler) everywhere(t *text, sites []*site) []value {
	values := make([]value, 0, len(sites))
	for _, s := range sites {
		v := c.check(t, s)
		if v == nil {
			return nil
		}
		loaded, problem := (&checker{compiler: c, site: s, text: t}).column(t.root, *v)
		if problem != nil {
			c.report(problem)
			return nil
		}
		values = append(values, loaded)
	}
	if !c.agree(t, sites, values) {
		return nil
	}
	return values
}

// agree makes the values of several hooks one type.
func (c *compiler) agree(t *text, sites []*site, values []value) bool {
	for i := range values {
		checker := &checker{compiler: c, site: sites[i], text: t}
		for j := range values {
			if values[i].kind() == ir.Int && values[j].kind() == ir.Uint {
				values[i] = checker.unsigned(t.root, values[i])
			}
		}
	}
	for i := range values[1:] {
		x, y := &values[0], &values[i+1]
		if x.kind() != y.kind() || !x.kind().Scalar() && x.expr.Type.Size != y.expr.Type.Size {
			c.report(t.problem(0, len(t.characters), fmt.Sprintf("this is %s at %s, but %s at %s", article(x), sites[0].hook.Target,
				article(y), sites[i+1].hook.Target), "all hooks have to give one type"))
			return false
		}
	}
	return true
}

// addresses refuses to show any without the permission for raw members.
func (c *compiler) addresses(named []spec.Named, fields []ir.Field) {
	for i := range min(len(named), len(fields)) {
		if fields[i].Type.Kind != ir.Pointer {
			continue
		}
		if t := c.text(named[i].Expression); t != nil {
			pointer := value{expr: &ir.Expr{Type: fields[i].Type}}
			if problem := (&checker{compiler: c, site: c.ends[0], text: t}).unveiled(t.root, pointer); problem != nil {
				c.report(problem)
			}
		}
	}
}

func (c *compiler) keys() {
	c.probe.Keys = c.columns(c.written.By, c.ends, func(s *site, e *ir.Expr) { s.hook.Keys = append(s.hook.Keys, e) })
	c.addresses(c.written.By, c.probe.Keys)
}

func (c *compiler) emits() {
	c.probe.Emit = c.columns(c.written.Emit, c.ends, func(s *site, e *ir.Expr) { s.hook.Emit = append(s.hook.Emit, e) })
	c.addresses(c.written.Emit, c.probe.Emit)
}
