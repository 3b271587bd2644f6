// SPDX-License-Identifier: Apache-2.0

package sequence

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestSequences(t *testing.T) {
	s := New()
	now := time.Unix(1, 0)
	take := func(number uint64) Verdict { return s.Take("a", number, now) }
	require.Equal(t, Verdict{Fresh: true}, take(10), "what came before went to somebody else")
	require.Equal(t, Verdict{}, take(10))
	require.Equal(t, Verdict{Fresh: true}, take(11))
	require.Equal(t, Verdict{Fresh: true, Skipped: 2}, take(14))
	require.EqualValues(t, 2, s.Lost())
	require.Equal(t, Verdict{Fresh: true, Late: true}, take(12))
	require.Equal(t, Verdict{}, take(12))
	require.EqualValues(t, 1, s.Lost())
	require.Equal(t, Verdict{Fresh: true, Skipped: 5000}, take(5015))
	require.Equal(t, Verdict{}, take(13), "too old to tell")
	require.EqualValues(t, 5001, s.Lost())
	require.Equal(t, Verdict{Fresh: true}, s.Take("b", 1, now))
	for i := range 2 * maxAgents {
		s.Take(string(rune(i+1000)), 1, now.Add(time.Duration(i)))
	}
	require.LessOrEqual(t, len(s.agents), maxAgents)
}

// FuzzSequences holds the accounts together whatever comes.
func FuzzSequences(f *testing.F) {
	f.Add([]byte{1, 2, 3, 3, 9, 4})
	f.Add([]byte{200, 1, 255, 254, 1})
	f.Fuzz(func(t *testing.T, numbers []byte) {
		s := New()
		distinct := map[uint64]bool{}
		fresh := uint64(0)
		for _, n := range numbers {
			number := uint64(n) + 1
			if s.Take("a", number, time.Unix(0, 0)).Fresh {
				require.False(t, distinct[number], "taken twice")
				fresh++
			}
			distinct[number] = true
		}
		if len(numbers) > 0 {
			require.LessOrEqual(t, s.Lost(), uint64(256))
			require.LessOrEqual(t, fresh, uint64(len(distinct)))
		}
	})
}
