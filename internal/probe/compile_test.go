// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/probe/gen"
	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

func handshakes(t testing.TB) []byte {
	t.Helper()
	text, err := os.ReadFile("testdata/handshakes.yaml")
	require.NoError(t, err)
	return text
}

func TestCompile_hashes(t *testing.T) {
	text, target := handshakes(t), testTarget(t, false)
	compile := func(text []byte, target Target) *Compiled {
		compiled, err := Compile(text, target)
		require.NoError(t, err)
		return compiled
	}
	first := compile(text, target)
	again := compile(text, testTarget(t, false))
	require.Equal(t, first.Hash, again.Hash)
	require.Equal(t, first.Object.Hash, again.Object.Hash)

	commented := compile(append([]byte("# the same, but another text\n"), text...), target)
	require.NotEqual(t, first.Hash, commented.Hash)
	require.Equal(t, first.Object.Hash, commented.Object.Hash, "what is not compiled changes no instruction")

	for name, change := range map[string]func(*Target){
		"features":   func(target *Target) { target.Gen.Features.SocketCast = !target.Gen.Features.SocketCast },
		"processors": func(target *Target) { target.Gen.CPUs = 3 },
		"permission": func(target *Target) { target.Lang.Raw = true },
		"hooks": func(target *Target) {
			target.Lang.Supports = func(kind ir.HookKind) bool { return kind != ir.BTFTracepoint }
		},
		"hierarchy": func(target *Target) { target.Lang.Cgroup1Index = 2 },
	} {
		other := testTarget(t, false)
		change(&other)
		require.NotEqual(t, first.Hash, compile(text, other).Hash, name)
	}
}

// TestFeatures_allCount holds that each feature that is a value is in the hash.
func TestFeatures_allCount(t *testing.T) {
	lines := features(gen.Features{Atomics: true, ReadOnlyCast: 7})
	require.Contains(t, lines, "Atomics true")
	require.Contains(t, lines, "ReadOnlyCast 7")
	require.NotContains(t, strings.Join(lines, " "), "TypeNumber")
}

func TestCompile_makesDoWithFewerEntries(t *testing.T) {
	target := testTarget(t, false)
	target.Gen.CPUs = 16
	text := handshakes(t)
	compiled, err := Compile(text, target)
	require.NoError(t, err)
	require.Less(t, compiled.Resolved.Entries, 1000)
	require.GreaterOrEqual(t, compiled.Resolved.Entries, fewestEntries)
	_, bytes := compiled.Size()
	require.LessOrEqual(t, bytes, compiled.Written.Budget.Memory)

	_, err = Compile(append(text, "  entries: 1000\n"...), target)
	require.ErrorIs(t, err, gen.ErrBounds, "who says how many means it")
	require.Equal(t, RuleBounds, Diagnose(text, err)[0].Rule)
	require.Regexp(t, `^too large: \d+ bytes of a budget of 1048576`, Diagnose(text, err)[0].Message)
}

func TestDiagnose_findsThePlaceInTheDocument(t *testing.T) {
	for _, c := range []struct{ where, meant string }{
		{"newstate == TCP_ESTABLISHD", "TCP_ESTABLISHD"},
		{"'comm == ''x'' && nonsense > 1'", "nonsense"},
		{`"newstate == TCP_CLOSE &&\n nonsense > 1"`, "nonsense"},
		{"|\n    newstate == TCP_CLOSE &&\n      nonsense > 1", "nonsense"},
		{"newstate == TCP_CLOSE &&\n    nonsense > 1", "nonsense"},
	} {
		text := "apiVersion: aeolus.io/v1alpha1\nkind: Probe\nmetadata: {name: x}\nspec:\n  hook: {tp_btf: inet_sock_set_state}\n  measure: {n: count()}\n  where: " + c.where + "\n"
		_, err := Compile([]byte(text), testTarget(t, false))
		require.Error(t, err)
		found := Diagnose([]byte(text), err)
		require.Len(t, found, 1, c.where)
		line := []rune(strings.Split(text, "\n")[found[0].Line-1])
		require.Equal(t, found[0].Line, found[0].EndLine)
		require.Equal(t, c.meant, string(line[found[0].Column-1:found[0].EndColumn-1]), c.where)
		require.Equal(t, []string{"spec.where", RuleMeaning}, []string{found[0].Field, found[0].Rule})
	}
}

func TestExplain(t *testing.T) {
	target := testTarget(t, false)
	compiled, err := Compile(handshakes(t), target)
	require.NoError(t, err)
	e := Explain(compiled, &target)
	require.Len(t, e.Hooks, 1)
	require.Equal(t, []string{"tp_btf inet_sock_set_state", "event inet_sock_set_state"}, []string{e.Hooks[0].Hook, e.Hooks[0].Written})
	require.Positive(t, e.Hooks[0].HitNs)
	require.NotEmpty(t, e.Hooks[0].Instead)
	var paths []string
	for _, read := range e.Reads {
		paths = append(paths, read.Path)
		require.NotEmpty(t, read.Field)
	}
	require.Contains(t, paths, "tcp_sock.srtt_us")
	require.Contains(t, e.Capabilities, "CAP_BPF")
	require.Contains(t, e.Trigger, "exact")
	require.Len(t, e.Programs, 1)
	count, from := 0, map[string]bool{}
	for _, part := range e.Programs[0].Parts {
		count += len(part.Instructions)
		from[part.Field] = true
	}
	last := e.Programs[0].Parts[len(e.Programs[0].Parts)-1].Instructions
	require.Equal(t, e.Programs[0].Instructions-1, last[len(last)-1].Slot, "all are listed")
	require.LessOrEqual(t, count, e.Programs[0].Instructions)
	require.True(t, from["spec.where"] && from["spec.by[0]"], "instructions stand beside their text")
	require.Equal(t, e.Trigger != "", compiled.Written.Trigger != nil)
}

func BenchmarkCompile(b *testing.B) {
	text, target := handshakes(b), testTarget(b, false)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Compile(text, target); err != nil {
			b.Fatal(err)
		}
	}
}
