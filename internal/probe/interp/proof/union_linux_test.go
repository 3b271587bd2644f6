// SPDX-License-Identifier: Apache-2.0

package proof_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/probe/gen"
	"github.com/aeolus-ebpf/aeolus/internal/probe/lang"
	"github.com/aeolus-ebpf/aeolus/internal/probe/spec"
	"github.com/aeolus-ebpf/aeolus/internal/probe/types"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

// TestNumberBesideAPointer loads a program that calculates with a number of a union whose other member is a pointer: the
// verifier goes by the pointer.
func TestNumberBesideAPointer(t *testing.T) {
	testkit.RequireRoot(t)
	kernel, err := types.Load()
	require.NoError(t, err)
	for _, text := range []string{"bitOr(skb.dev_scratch, 1u)", "skb.dev_scratch * 3u", "bitOr(skb.next.dev_scratch, 1u)"} {
		written := &spec.Probe{Name: "union", Hooks: []spec.Hook{{Kind: "tp_btf", Target: "kfree_skb"}}, SampleOneIn: 1, Entries: 1}
		written.Emit = []spec.Named{{Name: "value", Expression: spec.Expression{Text: text, Field: "spec.emit"}}}
		probe, err := lang.Compile(written, lang.Target{Kernel: kernel, Arch: "amd64", Cgroup1Index: -1, Raw: true})
		require.NoError(t, err, text)
		loaded, err := start(probe, gen.Features{Atomics: true, SignedOps: true})
		require.NoError(t, err, text)
		loaded.Close()
	}
}
