// SPDX-License-Identifier: Apache-2.0

package spec

// Expressions are all that are written, where they are not empty.
func (p *Probe) Expressions() []Expression {
	var all []Expression
	add := func(e Expression) {
		if e.Text != "" {
			all = append(all, e)
		}
	}
	columns := func(named []Named) {
		for _, column := range named {
			add(column.Expression)
		}
	}
	if p.Pair != nil {
		add(p.Pair.Where)
		add(p.Pair.StartKey)
		columns(p.Pair.Keep)
		if p.Pair.EndKey != p.Pair.StartKey {
			add(p.Pair.EndKey)
		}
	}
	add(p.Where)
	columns(p.By)
	columns(p.Measure)
	if p.Trigger != nil {
		add(p.Trigger.When)
	}
	columns(p.Emit)
	return all
}
