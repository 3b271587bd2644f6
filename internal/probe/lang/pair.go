// SPDX-License-Identifier: Apache-2.0

package lang

import (
	"fmt"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
	"github.com/aeolus-ebpf/aeolus/internal/probe/spec"
)

// pair resolves what a start and its end have in common, and what the start keeps.
func (c *compiler) pair() {
	written := c.written.Pair
	if written == nil {
		return
	}
	c.probe.Pair = &ir.Pair{Entries: written.Entries, Longest: written.Longest}
	start, end := written.StartKey, written.EndKey
	switch {
	case start.Text == "" && end.Text == "":
		start = spec.Expression{Text: "tid", Field: "spec.pair.key"}
		end = start
	case start.Text == "":
		start = end
	case end.Text == "":
		end = start
	}
	c.probe.Pair.Keep = c.columns(written.Keep, c.starts, func(s *site, e *ir.Expr) { s.hook.Keep = append(s.hook.Keep, e) })
	first, last := c.text(start), c.text(end)
	if first == nil || last == nil {
		return
	}
	starts, ends := c.everywhere(first, c.starts), c.everywhere(last, c.ends)
	if starts == nil || ends == nil {
		return
	}
	for i, s := range c.starts {
		s.hook.PairKey = starts[i].expr
	}
	for i, s := range c.ends {
		s.hook.PairKey = ends[i].expr
	}
	x, y := &starts[0], &ends[0]
	alike := x.kind() == y.kind() && (x.kind().Scalar() || x.expr.Type.Size == y.expr.Type.Size)
	if !alike && !(x.numeric() && y.numeric()) {
		c.report(last.problem(0, len(last.characters), fmt.Sprintf("the start's key is %s, the end's %s", article(x), article(y)),
			"both have to be of one type"))
		return
	}
	c.probe.Pair.Key = y.expr.Type
}
