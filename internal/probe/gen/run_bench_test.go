// SPDX-License-Identifier: Apache-2.0

package gen_test

import (
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/probe/gen"
	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

// BenchmarkRun measures whole programs in the kernel: what a probe takes that matches nothing is what every hit pays.
func BenchmarkRun(b *testing.B) {
	testkit.RequireRoot(b)
	length := &ir.Expr{Op: ir.OpContext, Type: typeOf(ir.Int), Load: ir.Load{Size: 4}}
	hook := ir.Hook{Kind: ir.TCX, Direction: "ingress"}
	without := simple(hook, length)
	without.Hooks[0].Where = op(ir.OpEq, ir.Bool, length, number(ir.Int, 1))
	counting := simple(hook, length)
	for _, p := range []*ir.Probe{without, counting} {
		p.Emit, p.Hooks[0].Emit = nil, nil
		// Nothing is to be switched off.
		p.Budget.CPU = 100_000_000
	}
	for name, probe := range map[string]*ir.Probe{"empty": nil, "no match": without, "count by key": counting} {
		b.Run(name, func(b *testing.B) {
			spec := &ebpf.CollectionSpec{Programs: map[string]*ebpf.ProgramSpec{"hook0": {Type: ebpf.SchedCLS, License: "Dual BSD/GPL",
				Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()}}}}
			if probe != nil {
				object, err := gen.Generate(probe, gen.Options{Features: modern, CPUs: 2})
				require.NoError(b, err)
				spec = object.Spec
			}
			collection, err := ebpf.NewCollection(spec)
			require.NoError(b, err)
			defer collection.Close()
			best := 0.0
			for range 30 {
				_, took, err := collection.Programs["hook0"].Benchmark(make([]byte, 64), 1_000_000, nil)
				require.NoError(b, err)
				if ns := float64(took.Nanoseconds()); best == 0 || ns < best {
					best = ns
				}
			}
			b.ReportMetric(best, "ns/run")
			b.ReportMetric(0, "ns/op")
		})
	}
}
