// SPDX-License-Identifier: Apache-2.0

package arbitrary_test

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/probe/interp"
	"github.com/aeolus-ebpf/aeolus/internal/probe/interp/arbitrary"
	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

// TestDrawn checks that what is drawn is well-formed, uses every operation, and has a value often enough to tell anything.
func TestDrawn(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	seen, valued, all := map[ir.Op]int{}, 0, 0
	for range 200 {
		shape := arbitrary.Thing(random)
		region := arbitrary.Region{Address: 0xffffc90000100000, Bytes: make([]byte, 4096)}
		region.Fill(random, shape)
		memory := &interp.Segments{}
		memory.Put(region.Address, region.Bytes)
		for range 10 {
			drawer := &arbitrary.Drawer{Random: random, Shape: shape, Task: true, Try: true, User: 6}
			e := drawer.Expr(drawer.Type(), 5)
			e.Walk(func(part *ir.Expr) { seen[part.Op]++ })
			_, err := interp.Evaluate(e, interp.World{Memory: memory}, arguments(random, region, shape))
			all++
			if err == nil {
				valued++
				continue
			}
			require.ErrorAs(t, err, new(*interp.Failure), arbitrary.Text(e))
		}
	}
	for op := ir.OpConst; op < ir.OpMeasured; op++ {
		switch op {
		case ir.OpPacket, ir.OpRecord, ir.OpTask, ir.OpNow, ir.OpCPU, ir.OpCgroup, ir.OpElapsed, ir.OpKept, ir.OpStack,
			ir.OpUserStack, ir.OpScoped:
		default:
			require.Positive(t, seen[op], op)
		}
	}
	require.Greater(t, valued, all/3)
}

func TestShrink(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 1))
	divides := func(e *ir.Expr) bool {
		found := false
		e.Walk(func(part *ir.Expr) { found = found || part.Op == ir.OpDiv })
		return found
	}
	for range 20 {
		drawer := &arbitrary.Drawer{Random: random, Shape: arbitrary.Thing(random)}
		e := drawer.Expr(ir.Type{Kind: ir.Int}, 6)
		if divides(e) {
			small := arbitrary.Shrink(e, 10_000, divides)
			require.True(t, divides(small))
			require.LessOrEqual(t, arbitrary.Size(small), 20, arbitrary.Text(small))
		}
	}
}

func arguments(random *rand.Rand, region arbitrary.Region, shape *arbitrary.Shape) []byte {
	into := []byte{}
	for i := range arbitrary.Arguments {
		n := arbitrary.Number(random)
		if i < arbitrary.Pointers {
			n = region.Pointer(random, shape)
		}
		into = binary.LittleEndian.AppendUint64(into, n)
	}
	return into
}
