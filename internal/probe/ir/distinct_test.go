// SPDX-License-Identifier: Apache-2.0

package ir_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

// TestEstimate counts numbers in a row, which a poor hash would put side by side.
func TestEstimate(t *testing.T) {
	for _, precision := range []int{4, 5, 6, 8, 12} {
		deviation := 1.04 / math.Sqrt(float64(int(1)<<precision))
		for _, count := range []uint64{0, 1, 5, 100, 3000, 200000} {
			registers := make([]uint64, 1<<precision)
			for i := range count {
				index, rank := ir.Register(ir.Hash(ir.Value{Number: 4000 + i*8}, ir.Type{Kind: ir.Uint}), precision)
				registers[index] = max(registers[index], uint64(rank))
			}
			require.InDelta(t, float64(count), ir.Estimate(registers), 1+4*deviation*float64(count), "precision %d", precision)
		}
	}
}

func TestHashOfWide(t *testing.T) {
	text := ir.Type{Kind: ir.Text, Size: 16}
	require.Equal(t, ir.Hash(ir.Value{Wide: []byte("a")}, text), ir.Hash(ir.Value{Wide: append([]byte("a"), make([]byte, 15)...)}, text))
	require.NotEqual(t, ir.Hash(ir.Value{Wide: []byte("a")}, text), ir.Hash(ir.Value{Wide: []byte("b")}, text))
	index, rank := ir.Register(0, 4)
	require.Equal(t, 0, index)
	require.Equal(t, uint8(61), rank)
}
