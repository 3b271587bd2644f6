// SPDX-License-Identifier: Apache-2.0

package sequence_test

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/sequence"
)

func TestRecent_tellsTheLastApart(t *testing.T) {
	r := sequence.NewRecent(10)
	for i := range 100 {
		require.True(t, r.First("a", strconv.Itoa(i)))
		require.True(t, r.First("b", strconv.Itoa(i)), "of another sender")
		for back := range min(i, 4) {
			require.False(t, r.First("a", strconv.Itoa(i-back)))
		}
	}
	require.True(t, r.First("a", "0"), "forgotten long ago")
	require.True(t, r.First("a", ""))
	require.True(t, r.First("a", ""))
}
