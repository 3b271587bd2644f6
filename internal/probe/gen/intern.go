// SPDX-License-Identifier: Apache-2.0

package gen

import (
	"encoding/binary"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

// interner gives expressions that say the same one address, so that what is written twice is evaluated once.
type interner struct {
	known map[*ir.Expr]*ir.Expr
	same  map[string]*ir.Expr
	ids   map[*ir.Expr]uint64
}

func newInterner() *interner {
	return &interner{known: map[*ir.Expr]*ir.Expr{}, same: map[string]*ir.Expr{}, ids: map[*ir.Expr]uint64{}}
}

// hook is a copy of a hook with its expressions interned.
func (n *interner) hook(h *ir.Hook) *ir.Hook {
	out := *h
	out.Guard, out.Where, out.PairKey = n.expr(h.Guard), n.expr(h.Where), n.expr(h.PairKey)
	out.Keep, out.Keys, out.Measures, out.Emit = n.list(h.Keep), n.list(h.Keys), n.list(h.Measures), n.list(h.Emit)
	return &out
}

func (n *interner) list(from []*ir.Expr) []*ir.Expr {
	out := make([]*ir.Expr, len(from))
	for i, e := range from {
		out[i] = n.expr(e)
	}
	return out
}

func (n *interner) expr(e *ir.Expr) *ir.Expr {
	if e == nil {
		return nil
	}
	if found, ok := n.known[e]; ok {
		return found
	}
	made := *e
	made.Args = n.list(e.Args)
	out := &made
	// Two draws are two numbers.
	if e.Op != ir.OpRandom {
		key := n.key(out)
		if found, ok := n.same[key]; ok {
			out = found
		} else {
			n.same[key] = out
		}
	}
	if _, ok := n.ids[out]; !ok {
		n.ids[out] = uint64(len(n.ids))
	}
	n.known[e] = out
	return out
}

// key is all that an expression's value depends on.
func (n *interner) key(e *ir.Expr) string {
	key := make([]byte, 0, 128)
	number := func(list ...int) {
		for _, i := range list {
			key = binary.AppendVarint(key, int64(i))
		}
	}
	content := func(from []byte) {
		number(len(from))
		key = append(key, from...)
	}
	l, t := e.Load, e.Type
	number(int(e.Op), int(t.Kind), t.Size, int(truthOf(t.Direct)), int(truthOf(l.Signed)), int(truthOf(l.BigEndian)))
	number(l.Offset, l.Size, l.Bits, l.Shift, len(e.Args))
	content([]byte(t.Struct))
	key = binary.AppendUvarint(key, e.Const)
	for _, arg := range e.Args {
		key = binary.AppendUvarint(key, n.ids[arg])
	}
	content(e.Wide)
	number(len(e.Set))
	for _, one := range e.Set {
		content(one)
	}
	return string(key)
}
