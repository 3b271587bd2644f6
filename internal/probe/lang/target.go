// SPDX-License-Identifier: Apache-2.0

package lang

import (
	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
	"github.com/aeolus-ebpf/aeolus/internal/probe/types"
)

// Target is the kernel that a probe is compiled for.
type Target struct {
	Kernel *types.Kernel
	// Arch is Go's name of the architecture, for the registers of kprobes and uprobes: "amd64" or "arm64".
	Arch string
	// Cgroup1Index is the place of the v1 hierarchy's subsystem in css_set that tells owners, -1 for none.
	Cgroup1Index int
	// Raw allows members outside the views.
	Raw bool
	// Formats reads a tracepoint's record from tracefs; it may be nil.
	Formats func(category, name string) (*types.Format, error)
	// Supports tells whether a kind of hook works here; nil stands for all.
	Supports func(ir.HookKind) bool
}

func (t *Target) supports(kind ir.HookKind) bool { return t.Supports == nil || t.Supports(kind) }
