// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"slices"
	"strings"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

// HookName is how a person writes a resolved hook: "tp_btf inet_sock_set_state", "tcx eth0 ingress".
func HookName(hook *ir.Hook) string {
	parts := []string{hook.Kind.String()}
	switch hook.Kind {
	case ir.TCX:
		parts = append(parts, hook.Interface, hook.Direction)
	case ir.Cgroup:
		parts = append(parts, hook.Target, hook.Path)
	case ir.Uprobe, ir.Uretprobe:
		parts = append(parts, hook.Path+":"+hook.Target)
	default:
		parts = append(parts, hook.Target)
	}
	return strings.Join(parts, " ")
}

// HookNames are those of all hooks, the starts of a pair first, each once.
func (c *Compiled) HookNames() []string {
	var names []string
	if c.Resolved.Pair != nil {
		for i := range c.Resolved.Pair.Starts {
			names = append(names, HookName(&c.Resolved.Pair.Starts[i]))
		}
	}
	for i := range c.Resolved.Hooks {
		names = append(names, HookName(&c.Resolved.Hooks[i]))
	}
	return distinct(names)
}

// distinct leaves out what was there before: both ends of a pair may be on one hook.
func distinct(names []string) []string {
	var out []string
	for _, name := range names {
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// Size is how many instructions and how many bytes of maps a probe has.
func (c *Compiled) Size() (instructions int, bytes uint64) {
	for i := range c.Object.Programs {
		instructions += c.Object.Programs[i].Instructions
	}
	for i := range c.Object.Maps {
		bytes += c.Object.Maps[i].Bytes
	}
	return instructions, bytes
}
