// SPDX-License-Identifier: Apache-2.0

package gen

import (
	"cmp"
	"slices"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

// maxBlock is how many bytes of one object are read at once: a call costs as much as copying several times that.
const maxBlock = 64

// block is a piece of an object of which a program reads several members through the helper.
type block struct {
	root      *ir.Expr
	low, high int
	members   int
}

// blocks are those of a program.
type blocks struct{ list []*block }

// member is one load through a pointer that the verifier knows nothing of.
type member struct {
	root      *ir.Expr
	off, size int
}

// findBlocks looks for members that lie close together.
func findBlocks(b *builder, roots []*ir.Expr) *blocks {
	members := map[*ir.Expr][]member{}
	var order []*ir.Expr
	seen := map[*ir.Expr]bool{}
	for _, e := range roots {
		e.Walk(func(e *ir.Expr) {
			if seen[e] {
				return
			}
			seen[e] = true
			m, ok := b.memberOf(e)
			if !ok {
				return
			}
			if members[m.root] == nil {
				order = append(order, m.root)
			}
			members[m.root] = append(members[m.root], m)
		})
	}
	found := &blocks{}
	for _, root := range order {
		found.gather(root, members[root])
	}
	return found
}

func (b *builder) memberOf(e *ir.Expr) (member, bool) {
	if e.Op != ir.OpLoad || b.trustOf(e.Args[0]) > untyped || e.Type.Kind == ir.Text || e.Args[0].Type.Struct == "" {
		return member{}, false
	}
	root, off := b.origin(e.Args[0])
	off += e.Load.Offset
	size := e.Load.Size
	if off < 0 || size <= 0 || size > 16 || !aligned(off, size) {
		return member{}, false
	}
	return member{root: root, off: off, size: size}, true
}

// aligned tells whether a number may be read at once where it lies in a block: the verifier wants that of the stack.
func aligned(off, size int) bool { return size > 8 || off%size == 0 }

func (l *blocks) gather(root *ir.Expr, members []member) {
	slices.SortStableFunc(members, func(a, b member) int { return cmp.Compare(a.off, b.off) })
	var current *block
	for _, m := range members {
		end := m.off + m.size
		if current != nil && max(end, current.high)-current.low <= maxBlock {
			current.high = max(current.high, end)
			current.members++
			continue
		}
		// From a multiple of 8, so that what is aligned in the object is aligned on the stack.
		current = &block{root: root, low: m.off &^ 7, high: end, members: 1}
		l.list = append(l.list, current)
	}
}

// of is the block that has these bytes, if it has others as well.
func (l *blocks) of(root *ir.Expr, off, size int) *block {
	if l == nil || size <= 0 || !aligned(off, size) {
		return nil
	}
	for _, one := range l.list {
		if one.root == root && one.members > 1 && off >= one.low && off+size <= one.high {
			return one
		}
	}
	return nil
}
