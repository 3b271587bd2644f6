// SPDX-License-Identifier: Apache-2.0

package lang

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
	"github.com/aeolus-ebpf/aeolus/internal/probe/spec"
)

func TestCompile_asksBeforeItTakesTheStart(t *testing.T) {
	for _, test := range []struct {
		where       string
		early, late []ir.Op
	}{
		{"newstate == TCP_CLOSE", []ir.Op{ir.OpEq}, nil},
		{"elapsed > duration('1s')", nil, []ir.Op{ir.OpGt}},
		{"newstate == TCP_CLOSE && elapsed > duration('1s')", []ir.Op{ir.OpEq}, []ir.Op{ir.OpGt}},
		{"oldstate != 1 && newstate == TCP_CLOSE && elapsed > duration('1s') && start.before == 7", []ir.Op{ir.OpNe, ir.OpEq}, []ir.Op{ir.OpGt, ir.OpEq}},
		// Behind what asks for the start, everything stays where it stands: it may be guarded by it.
		{"elapsed > duration('1s') && newstate == TCP_CLOSE", nil, []ir.Op{ir.OpGt, ir.OpEq}},
		{"elapsed > duration('1s') || newstate == TCP_CLOSE", nil, []ir.Op{ir.OpOr}},
	} {
		t.Run(test.where, func(t *testing.T) {
			hook := spec.Hook{Kind: "tp_btf", Target: "inet_sock_set_state"}
			p, err := Compile(&spec.Probe{
				Name: "lives", Hooks: []spec.Hook{hook}, Where: written(test.where),
				Pair: &spec.Pair{
					Starts: []spec.Hook{hook}, Where: written("newstate == TCP_ESTABLISHED"), StartKey: written("sk"), Entries: 10, Longest: time.Minute,
					Keep: []spec.Named{{Name: "before", Expression: written("oldstate")}},
				},
				Measure: []spec.Named{{Name: "n", Expression: written("count()")}},
			}, runningKernel(t))
			require.NoError(t, err)
			require.Equal(t, test.early, conditions(p.Hooks[0].Guard))
			require.Equal(t, test.late, conditions(p.Hooks[0].Where))
			require.Equal(t, []ir.Op{ir.OpEq}, conditions(p.Pair.Starts[0].Where))
			require.Nil(t, p.Pair.Starts[0].Guard)
		})
	}
}

// conditions are the operations of what all must hold, from left to right.
func conditions(e *ir.Expr) []ir.Op {
	switch {
	case e == nil:
		return nil
	case e.Op == ir.OpAnd:
		return append(conditions(e.Args[0]), conditions(e.Args[1])...)
	}
	return []ir.Op{e.Op}
}
