// SPDX-License-Identifier: Apache-2.0

package lang

import (
	"fmt"
	"strings"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
	"github.com/aeolus-ebpf/aeolus/internal/probe/spec"
	"github.com/aeolus-ebpf/aeolus/internal/probe/types"
)

// site is a hook with the names that are known there.
type site struct {
	hook      ir.Hook
	arguments []argument
	// direct tells that pointers in the context are typed; start that it is the start of a pair.
	direct, start bool
}

// argument is one name that a hook has.
type argument struct {
	name string
	// path is the name that explanations show, if it is another one.
	path string
	typ  types.Type
	// offset in the context.
	offset int
	// kind, hint and enum say more than the kernel's type does.
	kind ir.Kind
	hint ir.Hint
	enum string
	// view stands for the context itself; text is the number that tells where in the record a text lies.
	view *view
	text bool
	// over is a view through which the pointer is looked at, where every hook has such a view under that name.
	over *view
	// relative texts lie at an offset from behind the number, not from the record's start.
	relative bool
	// refused is why it cannot be read.
	refused string
}

func (s *site) argument(name string) (argument, bool) {
	for i := range s.arguments {
		if s.arguments[i].name == name {
			return s.arguments[i], true
		}
	}
	return argument{}, false
}

func (s *site) names() []string {
	names := make([]string, 0, len(s.arguments))
	for i := range s.arguments {
		names = append(names, s.arguments[i].name)
	}
	return names
}

// hookKinds are the kinds of hooks as people write them; several stand for the first of them that is there.
var hookKinds = map[string][]ir.HookKind{
	"tp_btf": {ir.BTFTracepoint}, "raw_tp": {ir.RawTracepoint}, "tracepoint": {ir.Tracepoint}, "fentry": {ir.Entry}, "fexit": {ir.Exit},
	"kprobe": {ir.Kprobe}, "kretprobe": {ir.Kretprobe}, "uprobe": {ir.Uprobe}, "uretprobe": {ir.Uretprobe}, "tcx": {ir.TCX},
	"cgroup": {ir.Cgroup}, "iter": {ir.Iterator},
	"event": {ir.BTFTracepoint, ir.RawTracepoint, ir.Tracepoint}, "call": {ir.Entry, ir.Kprobe}, "return": {ir.Exit, ir.Kretprobe},
}

// kindNames are the hooks as people write them.
var kindNames = map[ir.HookKind]string{
	ir.BTFTracepoint: "tp_btf", ir.RawTracepoint: "raw_tp", ir.Tracepoint: "tracepoint", ir.Entry: "fentry", ir.Exit: "fexit",
	ir.Kprobe: "kprobe", ir.Kretprobe: "kretprobe", ir.Uprobe: "uprobe", ir.Uretprobe: "uretprobe", ir.TCX: "tcx", ir.Cgroup: "cgroup",
	ir.Iterator: "iter",
}

// sites resolves hooks. What is wrong with one is told.
func (c *compiler) sites(hooks []spec.Hook, field string) []*site {
	var all []*site
	for i := range hooks {
		where := field
		if len(hooks) > 1 {
			where = fmt.Sprintf("%s[%d]", field, i)
		}
		if s := c.site(&hooks[i], where); s != nil {
			s.start = strings.HasPrefix(field, "spec.pair")
			all = append(all, s)
		}
	}
	return all
}

// site resolves a hook to the cheapest kind that this machine has.
func (c *compiler) site(h *spec.Hook, field string) *site {
	tell := func(message, hint string) {
		c.report(&Problem{Field: field, Line: h.Line, Column: h.Column, Message: message, Hint: hint})
	}
	kinds := hookKinds[h.Kind]
	if kinds == nil {
		tell(fmt.Sprintf("no kind of hook is called %q", h.Kind), nearest(h.Kind, keys(hookKinds)))
		return nil
	}
	if strings.ContainsAny(h.Target, "\x00\n\t ") || len(h.Target) > 256 {
		tell("this is no name that a hook could be on", "")
		return nil
	}
	var chosen *site
	var refusals []ir.Alternative
	var problem *Problem
	for _, kind := range kinds {
		s, why := c.try(kind, h)
		switch {
		case chosen != nil && why == nil:
			refusals = append(refusals, ir.Alternative{Kind: kind, Target: h.Target, Why: "costs more"})
		case why != nil:
			refusals = append(refusals, ir.Alternative{Kind: kind, Target: h.Target, Why: why.Message})
			if problem == nil || problem.Message == cannot && chosen == nil {
				problem = why
			}
		default:
			chosen = s
		}
	}
	if chosen == nil {
		if len(kinds) > 1 && problem.Message == cannot {
			problem.Message = fmt.Sprintf("this machine can have no hook for %s", h.Kind)
		}
		tell(problem.Message, problem.Hint)
		return nil
	}
	chosen.hook.Alternatives = refusals
	return chosen
}

const cannot = "this machine cannot have such a hook"

// possible are the hooks that this machine can have.
func (c *compiler) possible() string {
	var names []string
	for kind := ir.BTFTracepoint; kind <= ir.Iterator; kind++ {
		if c.target.supports(kind) {
			names = append(names, kindNames[kind])
		}
	}
	if len(names) == 0 {
		return ""
	}
	return "it can have " + strings.Join(names, ", ")
}

// try resolves a hook to a kind.
func (c *compiler) try(kind ir.HookKind, h *spec.Hook) (*site, *Problem) {
	if !c.target.supports(kind) {
		return nil, &Problem{Message: cannot, Hint: c.possible()}
	}
	s := &site{hook: ir.Hook{
		Kind: kind, Target: h.Target, Direction: h.Direction, Path: h.Path, Interface: h.Interface, Every: h.Every,
	}}
	switch kind {
	case ir.BTFTracepoint, ir.RawTracepoint:
		s.direct = kind == ir.BTFTracepoint
		return s, c.tracepoint(s)
	case ir.Tracepoint:
		return s, c.record(s)
	case ir.Entry, ir.Exit:
		s.direct = true
		return s, c.trampoline(s)
	case ir.Kprobe, ir.Kretprobe, ir.Uprobe, ir.Uretprobe:
		return s, c.registers(s)
	case ir.TCX, ir.Cgroup:
		return s, c.packetHook(s)
	case ir.Iterator:
		s.direct = true
		return s, c.iterator(s)
	}
	return nil, &Problem{Message: "no such kind of hook"}
}
