// SPDX-License-Identifier: Apache-2.0

package proof_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/probe/gen"
	"github.com/aeolus-ebpf/aeolus/internal/probe/interp"
	"github.com/aeolus-ebpf/aeolus/internal/probe/interp/arbitrary"
	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

// TestRecordedInTheKernel records drawn probes by programs, and replays the recordings: as if the probes had run there.
func TestRecordedInTheKernel(t *testing.T) {
	testkit.RequireRoot(t)
	rounds := 60
	if testkit.Full() {
		rounds = 2000
	}
	seed := seed(t)
	random := rand.New(rand.NewPCG(seed, 11))
	p, running, process := plant(t, 16<<10), thisThread(t), newProcessMemory()
	total := totals{}
	for round := range rounds {
		shape := arbitrary.Thing(random)
		p.region.Fill(random, shape)
		p.put(t)
		w := &wholes{random: random, draw: &arbitrary.Drawer{Random: random, Shape: shape, Task: true}}
		probe := w.probe()
		recorder, err := interp.NewRecorder(probe, "kernel")
		require.NoError(t, err)
		k, err := start(recorder.Probe, gen.Features{})
		if errors.Is(err, gen.ErrBounds) {
			total.Refused++
			continue
		}
		require.NoError(t, err, "seed %d round %d: %s", seed, round, describe(recorder.Probe))
		clock := uint64(1_000_000)
		direct := interp.New(probe, interp.World{
			Memory:  p.memory,
			Running: func() interp.Running { clock += 10; running.Now = clock; return running },
			Scoped:  func(owner uint64) bool { return scoped[owner] },
		})
		c := &comparison{t: t, random: random, planted: p, shape: shape, process: process}
		for range 40 {
			context := c.context()
			index, isStart := random.IntN(len(probe.Hooks)), probe.Pair != nil && w.one(2)
			recorded := index
			switch {
			case isStart:
				index, recorded = 0, 0
			case probe.Pair != nil:
				recorded += len(probe.Pair.Starts)
			}
			_, err := direct.Run(index, isStart, context)
			require.NoError(t, err)
			require.NoError(t, k.run(recorded, false, context))
		}
		replay := replayed(t, probe, recorder, k.events(t), k.losses(t))
		k.Close()
		require.Equal(t, direct.Losses(), replay.Losses(), "seed %d round %d: %s", seed, round, lazily(func() string { return describe(probe) }))
		require.Equal(t, direct.Rows(), replay.Rows(), "seed %d round %d", seed, round)
		require.Equal(t, timeless(direct.Events()), timeless(replay.Events()), "seed %d round %d", seed, round)
		total.add(direct)
	}
	t.Logf("%+v", total)
	require.Less(t, total.Refused, rounds*2/3)
	require.Greater(t, total.Events, rounds/2)
}

func replayed(t *testing.T, probe *ir.Probe, recorder *interp.Recorder, events []ir.Event, losses [ir.Losses]uint64) *interp.Machine {
	t.Helper()
	out := &bytes.Buffer{}
	writer, err := recorder.Writer(out)
	require.NoError(t, err)
	for _, event := range events {
		require.NoError(t, writer.Event(event))
	}
	require.NoError(t, writer.Close(losses))
	recording, err := interp.Open(out)
	require.NoError(t, err)
	replay, err := interp.NewReplay(probe, recording)
	require.NoError(t, err)
	require.NoError(t, replay.All())
	require.Equal(t, len(events), replay.Runs)
	return replay.Machine
}
