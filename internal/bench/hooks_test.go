// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/probe/cost"
	"github.com/aeolus-ebpf/aeolus/internal/probe/cost/measure"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

func TestHooks_measuresEachHook(t *testing.T) {
	rows := measured(t, hooks{})
	for _, hook := range measure.Hooks() {
		row, ok := rows[hook.Name()+": a hit"]
		require.True(t, ok, hook.Name())
		if strings.HasPrefix(row.Note, "not here") {
			require.True(t, hook.Seldom() || strings.Contains(row.Note, "tracefs"), "every kernel has %s", hook.Name())
			continue
		}
		require.Equal(t, 3, row.Samples, "a measurement in each round")
		require.Contains(t, rows, hook.Name()+": a hit that counts")
		_, known := cost.Of(hook.Kind, hook.Target+hook.Direction)
		require.True(t, known, "%s has no figure in package cost", hook.Name())
	}
	require.Greater(t, rows["uretprobe: a hit"].Value, rows["tp_btf: a hit"].Value, "a trap costs more than a call")
}

func TestLoads_refusesNonsense(t *testing.T) {
	require.Error(t, LoadsMain(t.Context(), strings.NewReader(""), new(bytes.Buffer), nil))
	testkit.RequireRoot(t)
	for _, line := range []string{"rename", "rename 0", "rename x", "sing 1", "call 1"} {
		missing := filepath.Join(t.TempDir(), "callee")
		require.Error(t, LoadsMain(t.Context(), strings.NewReader(line), new(bytes.Buffer), []string{missing}), line)
	}
}
