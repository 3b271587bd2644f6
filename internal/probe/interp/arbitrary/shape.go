// SPDX-License-Identifier: Apache-2.0

package arbitrary

import (
	"fmt"
	"math/rand/v2"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

// Member is something in a struct that can be read.
type Member struct {
	Type ir.Type
	Load ir.Load
}

// Shape is a struct: how large it is, and what can be read of it. Pointers of Members lead to the shape itself.
type Shape struct {
	Name    string
	Size    int
	Members []Member
	// Inner are offsets of structs within, of which all but pointers can be read.
	Inner []int
}

const (
	slots    = 8
	thing    = 256
	overhang = 12
	// tail is how much of a region stays behind the last struct, so that what is read of it is read whole or not at all.
	tail = 2 * thing
)

// Thing is a made-up struct: eight pointers, then bytes that are read as anything, a few of them beyond its end.
func Thing(random *rand.Rand) *Shape {
	shape := &Shape{Name: "thing", Size: thing, Inner: []int{8, 72, 120}}
	for slot := range slots {
		shape.add(ir.Type{Kind: ir.Pointer, Struct: shape.Name}, ir.Load{Offset: slot * 8, Size: 8})
	}
	offset := func() int { return slots*8 + random.IntN(thing-slots*8+overhang) }
	sizes := []int{1, 2, 4, 8}
	for range 60 {
		load := ir.Load{Offset: offset(), Size: pick(random, sizes), Signed: random.IntN(2) == 0, BigEndian: random.IntN(4) == 0}
		kind := pick(random, []ir.Kind{ir.Int, ir.Int, ir.Uint, ir.Duration, ir.Bool})
		if random.IntN(5) == 0 {
			load.Bits = 1 + random.IntN(load.Size*8)
			load.Shift = random.IntN(load.Size*8 - load.Bits + 1)
		}
		if kind == ir.Bool {
			load.Signed, load.BigEndian = false, false
		}
		shape.add(ir.Type{Kind: kind}, load)
	}
	for range 12 {
		shape.add(ir.Type{Kind: ir.IP}, ir.Load{Offset: offset(), Size: pick(random, []int{4, 16})})
		shape.add(ir.Type{Kind: ir.MAC}, ir.Load{Offset: offset(), Size: 6})
		size := pick(random, wideSizes)
		shape.add(ir.Type{Kind: ir.Text, Size: size}, ir.Load{Offset: offset(), Size: size})
		size = pick(random, wideSizes)
		shape.add(ir.Type{Kind: ir.Bytes, Size: size}, ir.Load{Offset: offset(), Size: size})
	}
	return shape
}

// wideSizes are of texts and bytes.
var wideSizes = []int{1, 3, 8, 15, 16, 24, 33}

func (s *Shape) add(t ir.Type, load ir.Load) {
	load.Path = fmt.Sprintf("%s.member%d", s.Name, len(s.Members))
	s.Members = append(s.Members, Member{Type: t, Load: load})
}

// Region is memory that holds structs side by side, and where it lies.
type Region struct {
	Address uint64
	Bytes   []byte
}

// Fill plants structs of a shape: numbers that are extreme more often than by chance, bytes that begin like texts, and
// pointers to other structs of the region, null, or to where nothing is.
func (r *Region) Fill(random *rand.Rand, shape *Shape) {
	for at := 0; at < len(r.Bytes); {
		at += r.plant(random, at)
	}
	for base := 0; base+shape.Size <= len(r.Bytes); base += shape.Size {
		for _, member := range shape.Members {
			if member.Type.Kind == ir.Pointer {
				put(r.Bytes[base+member.Load.Offset:], r.Pointer(random, shape))
			}
		}
	}
}

// plant lays a number or a text at a place, and tells how long it is.
func (r *Region) plant(random *rand.Rand, at int) int {
	rest := r.Bytes[at:]
	if random.IntN(4) > 0 {
		content := [8]byte{}
		put(content[:], Number(random))
		return copy(rest, content[:1+random.IntN(8)])
	}
	length := min(1+random.IntN(20), len(rest))
	for i := range length - 1 {
		rest[i] = "aeolus.0/"[random.IntN(9)]
	}
	rest[length-1] = 0
	return length
}

// Pointer draws a pointer to a struct of the region, or a bad one.
func (r *Region) Pointer(random *rand.Rand, shape *Shape) uint64 {
	switch random.IntN(24) {
	case 0:
		return 0
	case 1:
		return pick(random, []uint64{0x10, 0xdead000000000100, 0x7fff_ffff_f000, r.Address + uint64(len(r.Bytes))})
	}
	return r.Address + uint64(random.IntN((len(r.Bytes)-tail)/shape.Size)*shape.Size)
}

// Number draws one that is extreme or small more often than by chance.
func Number(random *rand.Rand) uint64 {
	switch random.IntN(4) {
	case 0:
		return pick(random, extremes)
	case 1:
		return uint64(random.IntN(70))
	case 2:
		return random.Uint64() >> random.IntN(64)
	}
	return random.Uint64()
}

var extremes = []uint64{
	0, 1, 2, 63, 64, 65, 127, 128, 255, 256, 32767, 32768, 65535, 65536, 1<<31 - 1, 1 << 31, 1<<32 - 1, 1 << 32,
	1<<63 - 1, 1 << 63, 1<<63 + 1, 1<<64 - 1, 1<<64 - 2, 1<<64 - 64, 1<<64 - 128, 1<<64 - 1<<31, 1<<64 - 1<<31 - 1, 1<<64 - 1<<32,
}

func put(into []byte, n uint64) {
	for i := range min(8, len(into)) {
		into[i] = byte(n >> (8 * i))
	}
}

func pick[T any](random *rand.Rand, from []T) T { return from[random.IntN(len(from))] }
