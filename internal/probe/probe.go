// SPDX-License-Identifier: Apache-2.0

// Package probe compiles probes: a document that describes what to look for in the kernel becomes programs and maps for one
// kernel. Nothing here needs a kernel, or changes one: package run does that.
package probe

import (
	"github.com/aeolus-ebpf/aeolus/internal/probe/gen"
	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
	"github.com/aeolus-ebpf/aeolus/internal/probe/lang"
	"github.com/aeolus-ebpf/aeolus/internal/probe/spec"
)

// Target is what a probe is compiled for.
type Target struct {
	Lang lang.Target
	Gen  gen.Options
}

// Compiled is a probe in every form that it has on its way to the kernel.
type Compiled struct {
	// Document is the text that it was compiled from.
	Document []byte
	Written  *spec.Probe
	Resolved *ir.Probe
	Object   *gen.Object
	// Hash is over the text, the kernel's types, what the target can do, and the compiler's version: whoever has the same hash has
	// the same instructions. It is taken before any map exists; Object.Hash is over the instructions themselves.
	Hash string
}
