// SPDX-License-Identifier: Apache-2.0

// Package spec is a probe as people write it: YAML of kind Probe, checked for shape. What its expressions mean is not known
// here: that is package lang.
package spec

import (
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

// APIVersion and Kind are the first lines of a probe.
const (
	APIVersion = "aeolus.io/v1alpha1"
	Kind       = "Probe"
)

// Expression is a CEL text, with where it stands in the document for messages: the field ("spec.where", "spec.by[1]"),
// and the line and column (from 1) of its first character; 0 where it came from elsewhere.
type Expression struct {
	Text         string
	Field        string
	Line, Column int
}

// Named is an expression with the name of its column; an empty name stands for the text itself.
type Named struct {
	Name string
	Expression
}

// Probe is one document.
type Probe struct {
	Name   string
	Labels map[string]string
	Scope  Scope
	Hooks  []Hook
	Pair   *Pair
	Where  Expression
	By     []Named
	// Measure expressions are calls such as count(), sum(x), histogram(x, [bounds]).
	Measure []Named
	Top     *Top
	// SampleOneIn takes one run in so many; 1 takes all.
	SampleOneIn uint32
	Trigger     *Trigger
	Emit        []Named
	// Entries is how many keys are kept. Unless it was written, it may be lowered to fit the budget.
	Entries        int
	EntriesWritten bool
	Budget         ir.Budget
	TTL            time.Duration
}

// Hook is where to look. Auto kinds are resolved to the cheapest that the kernel has.
type Hook struct {
	// Kind is as written: tp_btf, raw_tp, tracepoint, fentry, fexit, kprobe, kretprobe, uprobe, uretprobe, tcx, cgroup, iter; or
	// event (the best of tp_btf, raw_tp, tracepoint), call (fentry or kprobe), return (fexit or kretprobe).
	Kind string
	// Target is the tracepoint, function, symbol, iterator or cgroup attach point.
	Target                     string
	Direction, Path, Interface string
	Every                      time.Duration
	Line, Column               int
}

// Pair is the start that the hooks are the end of.
type Pair struct {
	Starts []Hook
	Where  Expression
	// StartKey and EndKey must agree for a start to belong to an end.
	StartKey, EndKey Expression
	Keep             []Named
	// Entries is how many starts may wait. Unless it was written, it may be lowered to fit the budget.
	Entries        int
	EntriesWritten bool
	Longest        time.Duration
}

// Top asks for the K keys with the most of the measure By.
type Top struct {
	K  int
	By string
}

// Trigger lets an event leave at once.
type Trigger struct {
	When   Expression
	Within time.Duration
}

// Scope says whose doings count; an empty one is the whole host. All that is given must hold.
type Scope struct {
	Workload, Namespace, Container, Node string
	Labels                               map[string]string
	// Cgroup is a directory below a cgroup hierarchy's root. NetNS is an ip-netns name, a path or a process id.
	Cgroup, NetNS string
}

// IsHost tells whether nothing is left out on a node: the node alone chooses who runs the probe, not what it sees.
func (s *Scope) IsHost() bool {
	return s.Workload == "" && s.Namespace == "" && s.Container == "" && s.Cgroup == "" && s.NetNS == "" && len(s.Labels) == 0
}
