// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/probe/cost"
	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
	"github.com/aeolus-ebpf/aeolus/internal/probe/spec"
)

// ExplainedHook is where a program runs, and why there.
type ExplainedHook struct {
	// Hook is what it has become, Written what stands in the document.
	Hook    string `json:"hook"`
	Written string `json:"written"`
	Start   bool   `json:"start"`
	Why     string `json:"why"`
	// HitNs is what a hit costs without any program of ours, 0 if nobody has measured it.
	HitNs int64 `json:"hitNs"`
	// Measured says where the figure comes from.
	Measured string `json:"measured"`
	// CostNs is what the program is predicted to take, beyond that, for a run that matches.
	CostNs int `json:"costNs"`
	// Instead are the others that would have seen the same.
	Instead []ExplainedHook `json:"instead,omitempty"`
}

// equivalents are kinds of hooks that see the same, for the same target.
var equivalents = [][]ir.HookKind{
	{ir.BTFTracepoint, ir.RawTracepoint, ir.Tracepoint}, {ir.Entry, ir.Kprobe}, {ir.Exit, ir.Kretprobe},
}

// automatic are the kinds that let the compiler choose, in the order of equivalents.
var automatic = [...]string{"event", "call", "return"}

func explainHooks(c *Compiled) []ExplainedHook {
	var hooks []ExplainedHook
	for i := range c.Object.Programs {
		p := &c.Object.Programs[i]
		written := c.Written.Hooks
		if p.Start {
			written = c.Written.Pair.Starts
		}
		resolved := c.resolvedHook(p)
		e := ExplainedHook{Hook: HookName(resolved), Start: p.Start, CostNs: p.Cost}
		if p.Hook < len(written) {
			e.Written = writtenName(&written[p.Hook])
			e.Why = why(resolved, written[p.Hook].Kind)
		}
		e.HitNs, e.Measured = hit(resolved.Kind, place(resolved))
		for _, other := range resolved.Alternatives {
			instead := ExplainedHook{Hook: strings.TrimSpace(other.Kind.String() + " " + other.Target), Start: p.Start, Why: other.Why}
			instead.HitNs, instead.Measured = hit(other.Kind, "")
			e.Instead = append(e.Instead, instead)
		}
		hooks = append(hooks, e)
	}
	return hooks
}

// place is what tells the costs of hooks of one kind apart.
func place(hook *ir.Hook) string {
	if hook.Kind == ir.TCX {
		return hook.Direction
	}
	return hook.Target
}

func writtenName(hook *spec.Hook) string {
	parts := []string{hook.Kind, hook.Target, hook.Interface, hook.Direction, hook.Path}
	return strings.Join(slices.DeleteFunc(parts, func(part string) bool { return part == "" }), " ")
}

// why a hook is where it is.
func why(hook *ir.Hook, written string) string {
	if slices.Contains(automatic[:], written) {
		if len(hook.Alternatives) == 0 {
			return "the only one here"
		}
		return "the cheapest one here"
	}
	for i, kinds := range equivalents {
		if cheapest := cost.Cheapest(kinds...); slices.Contains(kinds, hook.Kind) && cheapest != hook.Kind {
			return fmt.Sprintf("as written; %s would choose the cheapest", automatic[i])
		}
	}
	return "as written"
}

// hit is what a hit of a hook costs.
func hit(kind ir.HookKind, target string) (ns int64, measured string) {
	figure, ok := cost.Of(kind, target)
	if !ok {
		return 0, ""
	}
	measured = "kernel " + figure.Source.Kernel + ", " + figure.Source.Day
	if figure.Source.Emulated {
		measured += ", in an emulated guest"
	}
	return int64(figure.Hit / time.Nanosecond), measured
}
