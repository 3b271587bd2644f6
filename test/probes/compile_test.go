// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/probe"
	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

// TestExamples_compile compiles every example for this kernel as if all kinds of hooks worked here, and says which need the
// permission for members that no view has.
func TestExamples_compile(t *testing.T) {
	testkit.RequireRoot(t)
	target, err := host()
	require.NoError(t, err)
	target.Lang.Supports = nil
	for _, name := range exampleNames(t) {
		t.Run(name, func(t *testing.T) {
			e := readExample(t, name)
			compiled, err := probe.Compile([]byte(e.text), target)
			require.NoError(t, err)
			require.Equal(t, rawExamples[name] != "", compiled.Resolved.Raw, "uses members outside of the views")
			kinds := map[ir.HookKind]bool{}
			for _, hook := range compiled.Resolved.Hooks {
				kinds[hook.Kind] = true
			}
			require.Len(t, kinds, 1)
		})
	}
}

// rawExamples name members that no view has, with what they need them for.
var rawExamples = map[string]string{"gethostlatency": "the name that a process asks for lies in its memory"}
