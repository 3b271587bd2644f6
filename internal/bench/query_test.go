// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestQuery_asksBoth(t *testing.T) {
	rows := measured(t, query{})
	_, err := findProgram("prometheus")
	for _, q := range promQuestions() {
		for _, share := range []string{", p50", ", p99"} {
			row := rows[q.name+share]
			require.Positive(t, row.Value, q.name)
			require.Equal(t, err == nil, row.Baseline != nil, q.name)
		}
	}
	for _, name := range []string{"map over 1 h, p50", "map over 24 h, p99", "on disk per edge and day", "on disk per sample"} {
		require.Positive(t, rows[name].Value, name)
	}
}

func TestSameValues(t *testing.T) {
	point := func(value string) [][2]any { return [][2]any{{1.0, value}} }
	require.True(t, sameValues(point("3"), point("3.0000000000001")))
	require.False(t, sameValues(point("3"), point("3.1")))
	require.False(t, sameValues(point("3"), nil))
	require.False(t, sameValues(point("x"), point("x")))
}
