// SPDX-License-Identifier: Apache-2.0

package lang

import "github.com/aeolus-ebpf/aeolus/internal/probe/ir"

// early moves those conditions of a pair's end that come first and ask nothing of the start before the start is taken out: what does
// not fulfil them is no end, and the start goes on waiting for one. Without that, of a pair on one hook, such as the changes of a
// connection's state, whatever happens in between would end it.
func (c *compiler) early(s *site) {
	if c.written.Pair == nil || s.start || s.hook.Where == nil {
		return
	}
	first, rest := c.divide(s.hook.Where)
	s.hook.Guard, s.hook.Where = c.both(s.hook.Guard, first), rest
}

// divide takes a condition apart: first asks nothing of the start, and rest is what stands behind that; either may be nil.
func (c *compiler) divide(e *ir.Expr) (first, rest *ir.Expr) {
	if !asksStart(e) {
		return e, nil
	}
	if e.Op != ir.OpAnd || len(e.Args) != 2 {
		return nil, e
	}
	first, rest = c.divide(e.Args[0])
	if rest != nil {
		return first, c.both(rest, e.Args[1])
	}
	second, rest := c.divide(e.Args[1])
	return c.both(first, second), rest
}

// both is a condition that holds if two do, of which either may be nil.
func (c *compiler) both(a, b *ir.Expr) *ir.Expr {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	return c.pool.add(ir.Expr{Op: ir.OpAnd, Type: boolean, Args: []*ir.Expr{a, b}, Pos: b.Pos})
}

// asksStart tells whether an expression needs the start of a pair.
func asksStart(e *ir.Expr) bool {
	asks := false
	e.Walk(func(part *ir.Expr) { asks = asks || part.Op == ir.OpKept || part.Op == ir.OpElapsed })
	return asks
}
