// SPDX-License-Identifier: Apache-2.0

package tcp

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/loss"
)

// TestAccount: at every instant what went in is at least what went out and was dropped; and once nothing is held, exactly.
func TestAccount(t *testing.T) {
	ledger := loss.NewLedger()
	a := newAccount(ledger, "test")
	random := rand.New(rand.NewPCG(1, 2))
	var attempts, full, held, walked uint64
	check := func() loss.Count {
		c := ledger.Counts()[0]
		require.GreaterOrEqual(t, c.In, c.Out+c.Lost())
		return c
	}
	for range 10_000 {
		switch random.IntN(6) {
		case 0:
			attempts, held = attempts+1, held+1
		case 1:
			attempts, full = attempts+1, full+1
		case 2:
			n := random.Uint64N(held + 1)
			held -= n
			a.delivered(n)
		case 3:
			if held > 0 {
				held--
				a.dropped(lostMalformed, 1)
			}
		case 4:
			a.observe(attempts, map[string]uint64{lostRingFull: full})
		case 5:
			walked++
			a.entered(1)
			a.delivered(1)
		}
		check()
	}
	a.delivered(held)
	a.observe(attempts, map[string]uint64{lostRingFull: full})
	c := check()
	require.Equal(t, attempts+walked, c.In)
	require.Equal(t, c.In, c.Out+c.Lost())
	require.Equal(t, full, c.Dropped[lostRingFull])
}
