// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/probe/byhand"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

func TestProbe_measuresEachPart(t *testing.T) {
	rows := measured(t, probes{})
	for _, how := range []string{"warm", "cold"} {
		require.Positive(t, rows[how+": text → attached, p50"].Value)
		for _, peer := range []string{"bpftrace", "clang"} {
			row := rows[how+": text → first result, p50, against "+peer]
			require.Greater(t, row.Value, rows[how+": text → attached, p50"].Value, "what is not attached sees nothing")
			require.Positive(t, *row.Baseline)
		}
	}
	require.Less(t, rows["compile alone, p50"].Value, rows["cold: text → attached, p50"].Value)
	for _, q := range byhand.Questions() {
		row, ok := rows[q.Name+": a run, against C"]
		require.True(t, ok, q.Name)
		require.NotNil(t, row.Baseline)
		require.Contains(t, row.Note, "instructions against")
	}
	require.Greater(t, rows["5 probes: memory of the process"].Value, 1e6)
	require.Positive(t, rows["5 probes: started one after the other"].Value)
}

func TestAsk_refusesNonsense(t *testing.T) {
	testkit.RequireRoot(t)
	ask := func(input string, args ...string) error {
		return AskMain(t.Context(), strings.NewReader(input), new(bytes.Buffer), args)
	}
	require.Error(t, ask("", "one", "two"))
	require.Error(t, ask("", filepath.Join(t.TempDir(), "missing.yaml")))
	for _, line := range []string{"sing", "start", "start x"} {
		require.ErrorContains(t, ask(line), "is not understood")
	}
	nonsense := filepath.Join(t.TempDir(), "nonsense.yaml")
	require.NoError(t, os.WriteFile(nonsense, []byte("kind: Nonsense\n"), 0o600))
	require.Error(t, ask("", nonsense))
}
