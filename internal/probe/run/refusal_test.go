// SPDX-License-Identifier: Apache-2.0

package run

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/probe"
	"github.com/aeolus-ebpf/aeolus/internal/probe/gen"
	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

func TestLastWords(t *testing.T) {
	for name, c := range map[string]struct {
		log   []string
		step  int
		words string
	}{
		"old": {[]string{
			"0: (79) r6 = *(u64 *)(r1 +0)", "func 'inet_sock_set_state' arg0 has btf_id 7 type STRUCT 'sock'", "1: (79) r0 = *(u64 *)(r6 +1048576)",
			"access beyond struct sock at off 1048576 size 8", "processed 2 insns (limit 1000000) max_states_per_insn 0", "verification time 12 usec",
		}, 1, "access beyond struct sock at off 1048576 size 8"},
		"new": {[]string{
			"0: R1=ctx() R10=fp0", "; tcp(sk).srtt @ probe:3", "12: (79) r1 = *(u64 *)(r2 +8)          ; R1_w=scalar() R2=scalar()", "R2 invalid mem access 'scalar'",
			"processed 9 insns (limit 1000000)",
		}, 12, "R2 invalid mem access 'scalar'"},
		"before the first": {[]string{"func#0 @0", "attach to unsupported member"}, -1, "attach to unsupported member"},
		"nothing":          {nil, -1, ""},
	} {
		step, words := lastWords(c.log)
		require.Equal(t, c.step, step, name)
		require.Equal(t, c.words, words, name)
	}
}

func TestRefusal(t *testing.T) {
	cause := errors.New("permission denied")
	c := &probe.Compiled{
		Resolved: &ir.Probe{
			Name:    "test",
			Hooks:   []ir.Hook{{Kind: ir.BTFTracepoint, Target: "tcp_probe"}},
			Sources: []ir.Source{{Where: "spec.where", Text: "tcp(sk).srtt > 5 && sk.far"}},
		},
		Object: &gen.Object{},
	}
	program := &gen.Program{Lines: []gen.Line{
		{Instruction: 0, What: "switch", Pos: ir.Pos{Source: -1}},
		{Instruction: 10, Pos: ir.Pos{Source: 0, From: 0, To: 12}}, {Instruction: 20, Pos: ir.Pos{Source: 0, From: 20, To: 26}},
	}}
	log := []string{"21: (79) r1 = *(u64 *)(r2 +8)", "R2 invalid mem access 'scalar'", "processed 9 insns"}
	r := refuse(c, program, log, cause)
	require.ErrorIs(t, r, cause)
	require.Equal(t, `tp_btf tcp_probe: spec.where: the kernel's verifier refuses "sk.far": R2 invalid mem access 'scalar'`, r.Error())
	require.Contains(t, r.Explain(), "tcp(sk).srtt > 5 && sk.far\n                        ^^^^^^\n")
	require.NotContains(t, r.Explain(), "processed")

	elsewhere := refuse(c, program, []string{"3: (85) call unknown", "unknown func"}, cause)
	require.Equal(t, "tp_btf tcp_probe: the kernel's verifier refuses the program: unknown func", elsewhere.Error())
	silent := refuse(c, program, []string{"processed 0 insns"}, cause)
	require.ErrorContains(t, silent, "permission denied")
}

// FuzzLastWords: the log is the kernel's text, and of any kernel.
func FuzzLastWords(f *testing.F) {
	f.Add("0: (79) r6\nno\n9999999999999999999999: (00) x\n")
	f.Fuzz(func(t *testing.T, log string) {
		c := &probe.Compiled{Resolved: &ir.Probe{Hooks: []ir.Hook{{}}, Sources: []ir.Source{{Text: "a"}}}}
		r := refuse(c, &gen.Program{Lines: []gen.Line{{Pos: ir.Pos{To: 1000}}}}, []string{log}, errors.New("no"))
		require.NotEmpty(t, r.Error())
		require.NotEmpty(t, r.Explain())
	})
}
