// SPDX-License-Identifier: Apache-2.0

package gen

import (
	"fmt"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

// Generate makes the programs and maps of a probe.
func Generate(probe *ir.Probe, options Options) (*Object, error) {
	return nil, fmt.Errorf("generating %s: no hooks", probe.Name)
}
