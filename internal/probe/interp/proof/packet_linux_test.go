// SPDX-License-Identifier: Apache-2.0

package proof_test

import (
	"math/rand/v2"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/probe/gen"
	"github.com/aeolus-ebpf/aeolus/internal/probe/interp"
	"github.com/aeolus-ebpf/aeolus/internal/probe/interp/arbitrary"
	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

// TestPackets runs drawn probes on drawn packets.
func TestPackets(t *testing.T) {
	testkit.RequireRoot(t)
	rounds := 100
	if testkit.Full() {
		rounds = 4000
	}
	const letPass = 0xffffffff
	seed := seed(t)
	random := rand.New(rand.NewPCG(seed, 13))
	running, total := thisThread(t), totals{}
	for round := range rounds {
		drawer := &arbitrary.Drawer{Random: random, Shape: &arbitrary.Shape{Name: "none"}, Packet: 60}
		emitted := drawer.Type()
		probe := &ir.Probe{
			Name: "drawn", Emit: []ir.Field{{Name: "emitted", Type: emitted}},
			Hooks: []ir.Hook{{
				Kind: ir.TCX, Interface: "lo", Direction: "ingress", Where: drawer.Expr(ir.Type{Kind: ir.Bool}, 4),
				Emit: []*ir.Expr{drawer.Expr(emitted, 4)},
			}},
			Budget: ir.Budget{CPU: 1_000_000, Events: 1_000_000_000},
		}
		k, err := start(probe, gen.Features{SignedOps: round%2 == 0})
		require.NoError(t, err, "seed %d round %d: %s", seed, round, describe(probe))
		machine := interp.New(probe, interp.World{Running: func() interp.Running { return running }})
		for range 20 {
			packet := make([]byte, 14+random.IntN(70))
			for i := range packet {
				packet[i] = byte(arbitrary.Number(random))
			}
			// A protocol for experiments: of the known ones the kernel wants whole headers.
			packet[12], packet[13] = 0x88, 0xb5
			running.Packet = packet
			_, err := machine.Run(0, false, nil)
			require.NoError(t, err)
			verdict, err := k.Programs[k.object.Programs[0].Name].Run(&ebpf.RunOptions{Data: packet})
			require.NoError(t, err)
			require.Equal(t, uint32(letPass), verdict)
		}
		require.Equal(t, machine.Losses(), k.losses(t), "seed %d round %d: %s", seed, round, lazily(func() string { return describe(probe) }))
		require.Equal(t, timeless(machine.Events()), timeless(k.events(t)), "seed %d round %d: %s", seed, round,
			lazily(func() string { return describe(probe) }))
		total.add(machine)
		k.Close()
	}
	t.Logf("%+v", total)
	require.Greater(t, total.Events, rounds)
}
