// SPDX-License-Identifier: Apache-2.0

package feature

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

// TestTry: each of the finer features has an answer, which is remembered, and none is one that Probe reports.
func TestTry(t *testing.T) {
	testkit.RequireRoot(t)
	for _, row := range fineTrials {
		tried := Try(context.Background(), Config{}, row.name)
		require.NotEqual(t, Unknown, tried.Verdict, "%s: %v", row.name, tried.Err)
		t.Logf("%s: %s %v", row.name, tried.Verdict, tried.Err)
		again := Try(context.Background(), Config{}, row.name)
		require.Equal(t, tried.Verdict, again.Verdict)
		for _, reported := range trials {
			require.NotEqual(t, row.name, reported.name)
		}
	}
	require.Equal(t, Yes, Try(context.Background(), Config{}, TypedTracepoint).Verdict)
	require.ErrorContains(t, Try(context.Background(), Config{}, "flying").Err, "no such feature")
}
