// SPDX-License-Identifier: Apache-2.0

package lang

import (
	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
	"github.com/aeolus-ebpf/aeolus/internal/probe/spec"
)

// Compile resolves a probe for a kernel. The error is of type Problems.
func Compile(p *spec.Probe, target Target) (*ir.Probe, error) {
	if len(p.Hooks) == 0 || target.Kernel == nil || !target.supports(ir.BTFTracepoint) {
		return nil, Problems{{Field: "spec.hook", Message: "no hook"}}
	}
	return &ir.Probe{Name: p.Name, Budget: p.Budget, TTL: p.TTL}, nil
}
