// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/aeolus-ebpf/aeolus/internal/probe/gen"
	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
	"github.com/aeolus-ebpf/aeolus/internal/probe/lang"
	"github.com/aeolus-ebpf/aeolus/internal/probe/spec"
	"github.com/aeolus-ebpf/aeolus/internal/version"
)

// CompilerVersion is raised whenever the same text may become other instructions.
const CompilerVersion = 1

// Compile makes programs and maps of a document. The same document for the same target gives the same, always. What is
// wrong with the document is found by Diagnose.
func Compile(document []byte, target Target) (*Compiled, error) {
	written, err := spec.Parse(document)
	if err != nil {
		return nil, err
	}
	asked := map[ir.HookKind]bool{}
	target.Lang.Supports = remember(target.Lang.Supports, asked)
	resolved, err := lang.Compile(written, target.Lang)
	if err != nil {
		return nil, err
	}
	options := target.Gen
	options.Lower = lower(written)
	object, err := gen.Generate(resolved, options)
	if err != nil {
		return nil, err
	}
	return &Compiled{Document: document, Written: written, Resolved: resolved, Object: object, Hash: target.hash(document, asked)}, nil
}

// fewestEntries is to how few entries maps are lowered where the budget is short.
const fewestEntries = 8

// lower makes do with fewer entries where a probe takes more memory than its budget, and nobody has said how many there should
// be. The programs are the same then.
func lower(written *spec.Probe) func(*ir.Probe) bool {
	return func(resolved *ir.Probe) bool {
		lowered := false
		halve := func(entries *int, fixed bool) {
			if !fixed && *entries/2 >= fewestEntries {
				*entries /= 2
				lowered = true
			}
		}
		if resolved.Pair != nil && resolved.Pair.Entries > resolved.Entries {
			halve(&resolved.Pair.Entries, written.Pair.EntriesWritten)
		}
		halve(&resolved.Entries, written.EntriesWritten || len(written.By) == 0)
		return lowered
	}
}

// remember notes what was answered about each kind of hook. Only what was asked has had a part in the instructions, and asking
// may mean to try it.
func remember(supports func(ir.HookKind) bool, asked map[ir.HookKind]bool) func(ir.HookKind) bool {
	return func(kind ir.HookKind) bool {
		if _, known := asked[kind]; !known {
			asked[kind] = supports == nil || supports(kind)
		}
		return asked[kind]
	}
}

// hash is over all that the instructions follow from.
func (t *Target) hash(document []byte, asked map[ir.HookKind]bool) string {
	sum := sha256.New()
	write := func(part string) { fmt.Fprintf(sum, "%d:%s\n", len(part), part) }
	write(string(document))
	if t.Lang.Kernel != nil {
		write(t.Lang.Kernel.Hash())
	}
	write(fmt.Sprintf("compiler %d of %s, %s, v1 hierarchy %d, raw %t, %d processors", CompilerVersion, version.String(), t.Lang.Arch, t.Lang.Cgroup1Index, t.Lang.Raw, t.Gen.CPUs))
	for _, kind := range slices.Sorted(maps.Keys(asked)) {
		write(fmt.Sprintf("%s %t", kind, asked[kind]))
	}
	for _, line := range features(t.Gen.Features) {
		write(line)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// features writes every feature that is a value: so that one which is added later cannot be forgotten here.
func features(f gen.Features) []string {
	var lines []string
	value := reflect.ValueOf(f)
	for i := range value.NumField() {
		if value.Field(i).Kind() != reflect.Func {
			lines = append(lines, fmt.Sprintf("%s %v", value.Type().Field(i).Name, value.Field(i).Interface()))
		}
	}
	slices.Sort(lines)
	return lines
}
