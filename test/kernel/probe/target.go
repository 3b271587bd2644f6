// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/kernel/feature"
	"github.com/aeolus-ebpf/aeolus/internal/probe"
	"github.com/aeolus-ebpf/aeolus/internal/probe/gen"
	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
	"github.com/aeolus-ebpf/aeolus/internal/probe/lang"
	"github.com/aeolus-ebpf/aeolus/internal/probe/spec"
	"github.com/aeolus-ebpf/aeolus/internal/probe/types"
	"github.com/aeolus-ebpf/aeolus/test/kernel"
)

// verdicts is what a kernel was found to be able to do when it was booted: the tables one directory up.
func verdicts(t testing.TB, root, name string) map[string]bool {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "test/kernel/testdata/features-"+name+".txt"))
	require.NoError(t, err)
	found := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		feature, verdict, _ := strings.Cut(line, "  ")
		verdict, _, _ = strings.Cut(strings.TrimSpace(verdict), " ")
		found[feature] = verdict == "yes"
	}
	return found
}

// hookFeatures are the features that decide for kinds of hooks.
var hookFeatures = map[ir.HookKind]string{
	ir.BTFTracepoint: feature.TypedTracepoint, ir.RawTracepoint: feature.RawTracepoint, ir.Tracepoint: feature.Tracepoint,
	ir.Entry: feature.FunctionEntry, ir.Exit: feature.FunctionExit, ir.Kprobe: feature.Kprobe, ir.Kretprobe: feature.Kprobe,
	ir.Uprobe: feature.Uprobe, ir.Uretprobe: feature.Uprobe, ir.TCX: feature.TrafficControlLink,
	ir.Cgroup: feature.CgroupConnect, ir.Iterator: feature.SocketIterator,
}

// guestCPUs is how many processors a guest has.
const guestCPUs = 1

// TargetOf is a kernel with the features that it was found to have. Guests hold that they have the same.
func TargetOf(t testing.TB, root string, found kernel.TypeInformation) probe.Target {
	t.Helper()
	read, err := types.Open(bytes.NewReader(found.BTF))
	require.NoError(t, err)
	target := targetWith(read, found.Architecture, verdicts(t, root, found.Name))
	formats := Formats(t, root, found.Name)
	target.Lang.Formats = func(category, name string) (*types.Format, error) {
		text, known := formats[category+"/"+name]
		if !known {
			return nil, fmt.Errorf("reading tracepoint %s/%s: nobody kept it", category, name)
		}
		return types.ParseFormat(text)
	}
	return target
}

// Formats are the records of tracepoints that a kernel's types do not tell of, by category and name, as tracefs shows them
// there.
func Formats(t testing.TB, root, kernel string) map[string]string {
	t.Helper()
	dir := filepath.Join(root, "test/kernel/probe/testdata/formats", kernel)
	paths, err := filepath.Glob(filepath.Join(dir, "*", "*.txt"))
	require.NoError(t, err)
	formats := map[string]string{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		name, err := filepath.Rel(dir, strings.TrimSuffix(path, ".txt"))
		require.NoError(t, err)
		formats[filepath.ToSlash(name)] = string(text)
	}
	return formats
}

func targetWith(read *types.Kernel, architecture string, can map[string]bool) probe.Target {
	features := gen.Features{
		Atomics: can[feature.Atomics], SignedOps: can[feature.SignedOperations], SocketCast: can[feature.SocketCast],
		TaskPointer: can[feature.TypedTask],
	}
	if can[feature.ReadOnlyCast] {
		features.ReadOnlyCast, _ = read.FunctionNumber("bpf_rdonly_cast")
		features.TypeNumber = read.StructNumber
	}
	return probe.Target{
		Lang: lang.Target{
			Kernel: read, Arch: architecture, Cgroup1Index: -1, Raw: true,
			Supports: func(kind ir.HookKind) bool { return can[hookFeatures[kind]] },
		},
		Gen: gen.Options{CPUs: guestCPUs, Features: features},
	}
}

// automatic kinds stand for the first that works.
var automatic = map[string][]ir.HookKind{
	"event": {ir.BTFTracepoint, ir.RawTracepoint, ir.Tracepoint}, "call": {ir.Entry, ir.Kprobe}, "return": {ir.Exit, ir.Kretprobe},
}

// Supported tells whether each hook that a document asks for is of a kind that works.
func Supported(t testing.TB, document Document, target probe.Target) bool {
	t.Helper()
	written, err := spec.Parse(document.Text)
	require.NoError(t, err)
	hooks := written.Hooks
	if written.Pair != nil {
		hooks = append(slices.Clone(hooks), written.Pair.Starts...)
	}
	for _, hook := range hooks {
		kinds := automatic[hook.Kind]
		for kind := ir.HookInvalid + 1; kind <= ir.Iterator; kind++ {
			if kind.String() == hook.Kind {
				kinds = append(slices.Clone(kinds), kind)
			}
		}
		if !slices.ContainsFunc(kinds, target.Lang.Supports) {
			return false
		}
	}
	return true
}
