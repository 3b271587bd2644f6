// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/aeolus-ebpf/aeolus/internal/probe"
	"github.com/aeolus-ebpf/aeolus/internal/probe/gen"
	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

// Outcome is what compiling a document for a kernel came to: either why it cannot be, or what was made.
type Outcome struct {
	// Refused is what was wrong, line by line.
	Refused []string `yaml:"refused,omitempty"`
	// Hooks are those that were chosen, those that start a pair first; Reads the members that are read; Maps the shapes of maps.
	Hooks        []string `yaml:"hooks,omitempty"`
	Reads        []string `yaml:"reads,omitempty"`
	Maps         []string `yaml:"maps,omitempty"`
	Capabilities []string `yaml:"capabilities,omitempty,flow"`
	Programs     []string `yaml:"programs,omitempty"`
	// Hash is the object's own, Listing one over its programs as they are printed.
	Hash    string `yaml:"hash,omitempty"`
	Listing string `yaml:"listing,omitempty"`
}

// Shape is what remains the same where members have moved.
func (o Outcome) Shape() Outcome {
	o.Programs, o.Hash, o.Listing = nil, "", ""
	return o
}

// OutcomeOf compiles a document.
func OutcomeOf(document Document, target probe.Target) Outcome {
	compiled, err := probe.Compile(document.Text, target)
	if err != nil {
		return Outcome{Refused: Lines(err.Error())}
	}
	made := Outcome{Capabilities: compiled.Object.Capabilities, Hash: compiled.Object.Hash, Listing: Listing(compiled.Object)}
	if pair := compiled.Resolved.Pair; pair != nil {
		for i := range pair.Starts {
			made.Hooks = append(made.Hooks, "start "+hookName(&pair.Starts[i]))
		}
	}
	for i := range compiled.Resolved.Hooks {
		made.Hooks = append(made.Hooks, hookName(&compiled.Resolved.Hooks[i]))
	}
	made.Reads = reads(compiled.Resolved)
	for _, name := range slices.Sorted(maps.Keys(compiled.Object.Spec.Maps)) {
		spec := compiled.Object.Spec.Maps[name]
		made.Maps = append(made.Maps, fmt.Sprintf("%s: %s, %d to %d bytes, %d entries", name, spec.Type, spec.KeySize, spec.ValueSize, spec.MaxEntries))
	}
	for _, program := range compiled.Object.Programs {
		made.Programs = append(made.Programs, fmt.Sprintf("%s: %d instructions, %d bytes of stack", program.Name, program.Instructions, program.StackBytes))
	}
	return made
}

// Lines divides a text.
func Lines(text string) []string { return strings.Split(strings.TrimRight(text, "\n"), "\n") }

func hookName(hook *ir.Hook) string { return fmt.Sprintf("%s %s", hook.Kind, hook.Target) }

// reads are the members that a probe reads, as people name them.
func reads(resolved *ir.Probe) []string {
	paths := map[string]bool{}
	visit := func(e *ir.Expr) {
		if e.Load.Path != "" {
			paths[e.Load.Path] = true
		}
	}
	hooks := resolved.Hooks
	if resolved.Pair != nil {
		hooks = append(slices.Clone(hooks), resolved.Pair.Starts...)
	}
	for i := range hooks {
		hook := &hooks[i]
		for _, list := range [][]*ir.Expr{{hook.Guard, hook.Where, hook.PairKey}, hook.Keep, hook.Keys, hook.Measures, hook.Emit} {
			for _, expression := range list {
				expression.Walk(visit)
			}
		}
	}
	return slices.Sorted(maps.Keys(paths))
}

// Listing is a hash over the programs as they are printed, which is independent of how an object is hashed.
func Listing(object *gen.Object) string {
	sum := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(object.Spec.Programs)) {
		program := object.Spec.Programs[name]
		fmt.Fprintf(sum, "%s %s %s %s\n", name, program.Type, program.AttachTo, program.SectionName)
		_, _ = io.WriteString(sum, fmt.Sprint(program.Instructions))
	}
	return hex.EncodeToString(sum.Sum(nil))
}
