// SPDX-License-Identifier: Apache-2.0

package arbitrary

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

// branch draws an operation of which each operand has at most depth operations above each other.
func (d *Drawer) branch(t ir.Type, depth int) *ir.Expr {
	boolean := ir.Type{Kind: ir.Bool}
	switch d.Random.IntN(12) {
	case 0:
		return &ir.Expr{Op: ir.OpCond, Args: []*ir.Expr{d.Expr(boolean, depth), d.Expr(t, depth), d.Expr(t, depth)}}
	case 1:
		return &ir.Expr{Op: ir.OpGuard, Args: []*ir.Expr{d.Expr(boolean, depth), d.Expr(t, depth)}}
	case 4:
		if d.Try {
			return &ir.Expr{Op: ir.OpTry, Args: []*ir.Expr{d.Expr(t, depth), d.Expr(t, depth)}}
		}
	case 2, 3:
		if e := d.load(t, depth); e != nil {
			return e
		}
	}
	switch {
	case t.Kind == ir.Bool:
		return d.boolean(depth)
	case t.Kind == ir.Pointer && t.Struct != d.Shape.Name:
		return d.inner(depth)
	case t.Kind == ir.Pointer:
		return d.cast(t, depth)
	case t.Kind.Scalar():
		return d.number(t, depth)
	}
	return d.leaf(t)
}

func (d *Drawer) cast(t ir.Type, depth int) *ir.Expr {
	args := []*ir.Expr{d.Expr(t, depth)}
	if d.Random.IntN(2) == 0 {
		args = append(args, d.Expr(ir.Type{Kind: ir.Bool}, depth))
	}
	return &ir.Expr{Op: ir.OpCast, Args: args}
}

var arithmetic = []ir.Op{
	ir.OpAdd, ir.OpSub, ir.OpMul, ir.OpDiv, ir.OpMod, ir.OpBitAnd, ir.OpBitOr, ir.OpBitXor, ir.OpShl, ir.OpShr,
}

func (d *Drawer) number(t ir.Type, depth int) *ir.Expr {
	switch d.Random.IntN(10) {
	case 0:
		return &ir.Expr{Op: pick(d.Random, []ir.Op{ir.OpNegate, ir.OpInvert}), Args: []*ir.Expr{d.Expr(t, depth)}}
	case 1:
		from := pick(d.Random, []ir.Kind{ir.Bool, ir.Int, ir.Uint, ir.Duration})
		return &ir.Expr{Op: ir.OpConvert, Args: []*ir.Expr{d.Expr(ir.Type{Kind: from}, depth)}}
	case 2:
		return &ir.Expr{Op: ir.OpNarrow, Args: []*ir.Expr{d.Expr(t, depth)}, Load: ir.Load{
			Size: pick(d.Random, []int{1, 2, 4, 8}), Signed: d.Random.IntN(2) == 0,
		}}
	case 3:
		return &ir.Expr{Op: ir.OpSwap, Args: []*ir.Expr{d.Expr(t, depth)}, Load: ir.Load{Size: pick(d.Random, []int{2, 4, 8})}}
	case 4:
		return &ir.Expr{Op: ir.OpLog2, Args: []*ir.Expr{d.Expr(t, depth)}}
	case 5:
		if t.Kind == ir.Int && d.Random.IntN(2) == 0 {
			return &ir.Expr{Op: ir.OpLength, Args: []*ir.Expr{d.Expr(d.sized(ir.Text), depth)}}
		}
		if d.Random.IntN(6) == 0 {
			same := &ir.Expr{Op: ir.OpRandom, Type: t}
			return &ir.Expr{Op: ir.OpSub, Args: []*ir.Expr{same, same}}
		}
	}
	op := pick(d.Random, arithmetic)
	second := d.Expr(t, depth)
	if (op == ir.OpShl || op == ir.OpShr) && d.Random.IntN(4) > 0 {
		second = &ir.Expr{Op: ir.OpConst, Type: t, Const: d.Random.Uint64N(66)}
	}
	return &ir.Expr{Op: op, Args: []*ir.Expr{d.Expr(t, depth), second}}
}

var orders = []ir.Op{ir.OpEq, ir.OpNe, ir.OpLt, ir.OpLe, ir.OpGt, ir.OpGe}

func (d *Drawer) boolean(depth int) *ir.Expr {
	t := ir.Type{Kind: ir.Bool}
	switch d.Random.IntN(12) {
	case 0:
		return &ir.Expr{Op: ir.OpNot, Args: []*ir.Expr{d.Expr(t, depth)}}
	case 1, 2:
		return &ir.Expr{Op: ir.OpAnd, Args: []*ir.Expr{d.Expr(t, depth), d.Expr(t, depth)}}
	case 3, 4:
		return &ir.Expr{Op: ir.OpOr, Args: []*ir.Expr{d.Expr(t, depth), d.Expr(t, depth)}}
	case 5:
		return d.prefix(depth)
	case 6:
		return d.within(depth)
	case 7:
		return d.oneOf(depth)
	case 8:
		return d.equal(depth)
	case 9:
		if d.Packet > 0 {
			return d.within(depth)
		}
		null := &ir.Expr{Op: ir.OpConst, Type: d.pointer()}
		return &ir.Expr{Op: pick(d.Random, orders[:2]), Args: []*ir.Expr{d.Expr(d.pointer(), depth), null}}
	}
	of := ir.Type{Kind: pick(d.Random, []ir.Kind{ir.Int, ir.Uint, ir.Duration})}
	return &ir.Expr{Op: pick(d.Random, orders), Args: []*ir.Expr{d.Expr(of, depth), d.Expr(of, depth)}}
}

func (d *Drawer) equal(depth int) *ir.Expr {
	of := d.sized(pick(d.Random, []ir.Kind{ir.IP, ir.MAC, ir.Text, ir.Text, ir.Bytes, ir.Bool}))
	other := of
	if of.Kind == ir.Text {
		other = d.sized(ir.Text)
	}
	return &ir.Expr{Op: pick(d.Random, orders[:2]), Args: []*ir.Expr{d.Expr(of, depth), d.Expr(other, depth)}}
}

func (d *Drawer) prefix(depth int) *ir.Expr {
	of := d.sized(ir.Text)
	content := bytes.TrimRight(d.bytes(of), "\x00")
	if len(content) == 0 {
		content = []byte("a")
	}
	return &ir.Expr{Op: ir.OpPrefix, Args: []*ir.Expr{d.Expr(of, depth)}, Wide: content[:1+d.Random.IntN(len(content))]}
}

func (d *Drawer) within(depth int) *ir.Expr {
	of := ir.Type{Kind: ir.IP}
	return &ir.Expr{Op: ir.OpWithin, Args: []*ir.Expr{d.Expr(of, depth)}, Wide: d.bytes(of), Const: d.Random.Uint64N(129)}
}

func (d *Drawer) oneOf(depth int) *ir.Expr {
	of := d.sized(pick(d.Random, []ir.Kind{ir.Int, ir.Uint, ir.IP, ir.MAC, ir.Text}))
	set := [][]byte{}
	for range 1 + d.Random.IntN(20) {
		element := make([]byte, of.Width())
		if of.Kind.Scalar() {
			binary.LittleEndian.PutUint64(element, Number(d.Random))
		} else {
			copy(element, d.bytes(of))
		}
		set = append(set, element)
	}
	slices.SortFunc(set, bytes.Compare)
	set = slices.CompactFunc(set, bytes.Equal)
	return &ir.Expr{Op: ir.OpOneOf, Args: []*ir.Expr{d.Expr(of, depth)}, Set: set}
}
