// SPDX-License-Identifier: Apache-2.0

package arbitrary

import (
	"bytes"
	"math/rand/v2"
	"slices"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

// Arguments of the context: pointers to structs, then numbers.
const (
	Pointers  = 3
	Arguments = 8
)

// Drawer draws expressions over a context of Arguments numbers.
type Drawer struct {
	Random *rand.Rand
	Shape  *Shape
	// Direct pointers are those of the context and whatever is reached through them.
	Direct bool
	// Task allows what is read of the running task, Try what recordings alone use.
	Task, Try bool
	// User is the argument that holds an address of the process; 0 for none.
	User int
	// Packet makes all reads those of a packet of so many bytes, and a few beyond.
	Packet int
	pool   []*ir.Expr
}

// Expr draws an expression of a type, with at most depth operations above each other.
func (d *Drawer) Expr(t ir.Type, depth int) *ir.Expr {
	if candidates := d.known(t); len(candidates) > 0 && d.Random.IntN(6) == 0 {
		return pick(d.Random, candidates)
	}
	var e *ir.Expr
	if depth <= 0 {
		e = d.leaf(t)
	} else {
		e = d.branch(t, depth-1)
	}
	e.Type = t
	d.pool = append(d.pool, e)
	return e
}

// Forget makes the next expression share nothing with those before it.
func (d *Drawer) Forget() { d.pool = nil }

// Type draws a type; pointers are left out, because where things lie is not the same everywhere.
func (d *Drawer) Type() ir.Type {
	kind := pick(d.Random, []ir.Kind{
		ir.Bool, ir.Bool, ir.Bool, ir.Int, ir.Int, ir.Int, ir.Uint, ir.Uint, ir.Duration, ir.IP, ir.MAC, ir.Text, ir.Bytes,
	})
	return d.sized(kind)
}

func (d *Drawer) sized(kind ir.Kind) ir.Type {
	if kind == ir.Text || kind == ir.Bytes {
		return ir.Type{Kind: kind, Size: pick(d.Random, wideSizes)}
	}
	return ir.Type{Kind: kind}
}

func (d *Drawer) known(t ir.Type) []*ir.Expr {
	out := []*ir.Expr{}
	for _, e := range d.pool {
		if e.Type == t {
			out = append(out, e)
		}
	}
	return out
}

func (d *Drawer) pointer() ir.Type {
	return ir.Type{Kind: ir.Pointer, Struct: d.Shape.Name, Direct: d.Direct}
}

// leaf draws what has no operands, or a read through a pointer of the context.
func (d *Drawer) leaf(t ir.Type) *ir.Expr {
	if t.Kind == ir.Pointer {
		if t.Struct != d.Shape.Name {
			return d.inner(0)
		}
		return d.context(d.Random.IntN(Pointers), 8)
	}
	if d.Task && d.Random.IntN(12) == 0 {
		if op := d.task(t); op != ir.OpInvalid {
			return &ir.Expr{Op: op}
		}
	}
	choice := d.Random.IntN(4)
	if choice == 0 && d.Packet == 0 && t.Kind.Scalar() && t.Kind != ir.Bool {
		return d.context(Pointers+d.Random.IntN(Arguments-Pointers), pick(d.Random, []int{1, 2, 4, 8, 8, 8}))
	}
	if choice > 1 {
		if e := d.load(t, 0); e != nil {
			return e
		}
	}
	return d.constant(t)
}

func (d *Drawer) task(t ir.Type) ir.Op {
	switch {
	case t.Kind == ir.Int:
		return pick(d.Random, []ir.Op{ir.OpPID, ir.OpTID})
	case t.Kind == ir.Text && t.Size == 16:
		return ir.OpComm
	}
	return ir.OpInvalid
}

func (d *Drawer) context(index, size int) *ir.Expr {
	return &ir.Expr{Op: ir.OpContext, Type: d.pointer(), Load: ir.Load{
		Offset: index * 8, Size: size, Signed: size < 8 && d.Random.IntN(2) == 0,
	}}
}

func (d *Drawer) constant(t ir.Type) *ir.Expr {
	e := &ir.Expr{Op: ir.OpConst, Type: t}
	switch {
	case t.Kind == ir.Bool:
		e.Const = d.Random.Uint64N(2)
	case t.Kind.Scalar():
		e.Const = Number(d.Random)
	default:
		e.Wide = d.bytes(t)
	}
	return e
}

// bytes draws a wide value; a text has nothing behind its first zero.
func (d *Drawer) bytes(t ir.Type) []byte {
	content := make([]byte, t.Bytes())
	region := Region{Bytes: content}
	for at := 0; at < len(content); {
		at += region.plant(d.Random, at)
	}
	if t.Kind == ir.IP && d.Random.IntN(2) == 0 {
		copy(content, []byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff})
	}
	if end := bytes.IndexByte(content, 0); t.Kind == ir.Text && end >= 0 {
		clear(content[end:])
	}
	return content
}

// load draws a member of the type; nothing if the shape has none.
func (d *Drawer) load(t ir.Type, depth int) *ir.Expr {
	if d.Packet > 0 {
		return d.packet(t, depth)
	}
	if t.Kind == ir.Text && d.User > 0 && d.Random.IntN(4) == 0 {
		return &ir.Expr{Op: ir.OpUserString, Args: []*ir.Expr{{
			Op: ir.OpContext, Type: ir.Type{Kind: ir.Pointer}, Load: ir.Load{Offset: d.User * 8, Size: 8},
		}}}
	}
	if t.Kind == ir.Text && d.Random.IntN(4) == 0 && !d.Direct {
		return &ir.Expr{Op: ir.OpString, Args: []*ir.Expr{d.Expr(d.pointer(), depth-1)}}
	}
	members := slices.DeleteFunc(slices.Clone(d.Shape.Members), func(m Member) bool {
		return m.Type.Kind != t.Kind || m.Type.Size != t.Size
	})
	if len(members) == 0 {
		return nil
	}
	base := d.pointer()
	if len(d.Shape.Inner) > 0 && t.Kind != ir.Pointer && d.Random.IntN(6) == 0 {
		base.Struct = "inner"
	}
	return &ir.Expr{Op: ir.OpLoad, Args: []*ir.Expr{d.Expr(base, depth-1)}, Load: pick(d.Random, members).Load}
}

func (d *Drawer) inner(depth int) *ir.Expr {
	return &ir.Expr{Op: ir.OpAddress, Args: []*ir.Expr{d.Expr(d.pointer(), depth)}, Load: ir.Load{
		Offset: pick(d.Random, d.Shape.Inner),
	}}
}

// packet draws a read of a packet; nothing for types that packets do not have.
func (d *Drawer) packet(t ir.Type, depth int) *ir.Expr {
	load := ir.Load{Offset: d.Random.IntN(d.Packet), Signed: d.Random.IntN(2) == 0, BigEndian: d.Random.IntN(2) == 0}
	switch {
	case t.Kind == ir.Bool:
		load = ir.Load{Offset: load.Offset, Size: 1}
	case t.Kind.Scalar():
		load.Size = pick(d.Random, []int{1, 2, 4, 8})
	case t.Kind == ir.IP:
		load = ir.Load{Offset: load.Offset, Size: pick(d.Random, []int{4, 16})}
	case t.Kind == ir.MAC:
		load = ir.Load{Offset: load.Offset, Size: 6}
	default:
		return nil
	}
	at := &ir.Expr{Op: ir.OpConst, Type: ir.Type{Kind: ir.Int}, Const: d.Random.Uint64N(8)}
	if depth > 0 && d.Random.IntN(3) == 0 {
		at = d.Expr(at.Type, depth-1)
	}
	return &ir.Expr{Op: ir.OpPacket, Args: []*ir.Expr{at}, Load: load}
}
