// SPDX-License-Identifier: Apache-2.0

package lang

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
	"github.com/aeolus-ebpf/aeolus/internal/probe/spec"
	"github.com/aeolus-ebpf/aeolus/internal/probe/types"
)

// TestAddressOfAttachPoint holds that a hook of one version of IP never asks for the other's address, which the verifier refuses.
func TestAddressOfAttachPoint(t *testing.T) {
	for target, offset := range map[string]int{"connect4": 4, "sendmsg4": 4, "connect6": 8, "bind6": 8} {
		p, err := Compile(&spec.Probe{
			Name: "asked-for", Hooks: []spec.Hook{{Kind: "cgroup", Target: target, Path: "/"}},
			By:      []spec.Named{{Name: "peer", Expression: written("ctx.daddr")}},
			Measure: []spec.Named{{Name: "n", Expression: written("count()")}},
		}, runningKernel(t))
		require.NoError(t, err)
		var offsets []int
		p.Hooks[0].Keys[0].Walk(func(e *ir.Expr) {
			if e.Op == ir.OpContext {
				offsets = append(offsets, e.Load.Offset)
			}
		})
		require.Equal(t, []int{offset}, offsets, target)
	}
}

func TestNeighbourStates(t *testing.T) {
	target := runningKernel(t)
	target.Formats = func(string, string) (*types.Format, error) {
		return &types.Format{Fields: []types.FormatField{{Name: "nud_state", Type: "u8", Offset: 20, Size: 1}}}, nil
	}
	p, err := Compile(&spec.Probe{
		Name: "neighbours", Hooks: []spec.Hook{{Kind: "tracepoint", Target: "neigh/neigh_timer_handler"}}, Where: written("nud_state == NUD_FAILED"),
		By:      []spec.Named{{Name: "state", Expression: written("nud_state")}},
		Measure: []spec.Named{{Name: "n", Expression: written("count()")}},
	}, target)
	require.NoError(t, err)
	require.Equal(t, "NUD_FAILED", p.Enums[p.Keys[0].Type.Enum].Values[32])
}
