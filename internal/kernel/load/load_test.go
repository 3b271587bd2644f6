// SPDX-License-Identifier: Apache-2.0

package load

import (
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

func TestOlder(t *testing.T) {
	for release, want := range map[string]bool{
		"5.10.0-46-cloud-amd64": true, "4.19.1": true, "5.15.0": false, "6.1.0": false, "10.0": false, "": false, "odd": false,
	} {
		assert.Equal(t, want, older(release, 5, 15), release)
	}
	assert.Empty(t, Explain(1, 0))
	assert.Contains(t, Explain(1000, 0), "1000.0")
}

// program is one instruction that every kernel has, or a call of a helper that none has.
func program(kind ebpf.ProgramType, attach ebpf.AttachType, good bool) *ebpf.ProgramSpec {
	instructions := asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()}
	if !good {
		instructions = append(asm.Instructions{asm.BuiltinFunc(100_000).Call()}, instructions...)
	}
	return &ebpf.ProgramSpec{Type: kind, AttachType: attach, Instructions: instructions, License: "GPL"}
}

func TestLoad_errors(t *testing.T) {
	testkit.RequireRoot(t)
	spec := &ebpf.CollectionSpec{Programs: map[string]*ebpf.ProgramSpec{
		"good": program(ebpf.SocketFilter, 0, true), "bad": program(ebpf.SocketFilter, 0, false),
	}}
	_, err := Load(Config{Spec: spec, Optional: map[string]string{"bad": "nothing"}})
	require.ErrorContains(t, err, "bad", "an error other than that it is not supported is never passed over")
	_, err = Load(Config{Spec: spec, Constants: map[string]any{"none": 1}})
	require.ErrorContains(t, err, "none")
	_, err = Load(Config{Spec: spec, Entries: map[string]uint32{"none": 1}})
	require.ErrorContains(t, err, "none")
}

// TestLoad_withoutOptional: a program whose kind this kernel does not know is left out, and what is lost is said.
func TestLoad_withoutOptional(t *testing.T) {
	testkit.RequireRoot(t)
	traced := program(ebpf.Tracing, ebpf.AttachTraceRawTp, true)
	traced.AttachTo = "no_such_tracepoint_anywhere"
	spec := &ebpf.CollectionSpec{Programs: map[string]*ebpf.ProgramSpec{
		"good": program(ebpf.SocketFilter, 0, true), "traced": traced,
	}}
	set, err := Load(Config{Spec: spec, Optional: map[string]string{"traced": "no traces"}})
	require.NoError(t, err)
	defer func() { require.NoError(t, set.Close()) }()
	require.Contains(t, set.Programs, "good")
	require.NotContains(t, set.Programs, "traced")
	require.Len(t, set.Missing, 1)
	require.Contains(t, set.Missing[0], "no traces")
	require.NoError(t, set.Trace("traced"))
	require.Zero(t, set.Skipped())
}
