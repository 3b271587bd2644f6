// SPDX-License-Identifier: Apache-2.0

package gen_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/probe/gen"
	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

func layoutOf(t testing.TB, probe *ir.Probe) *gen.Layout {
	t.Helper()
	object, err := gen.Generate(probe, gen.Options{Features: modern})
	require.NoError(t, err)
	return object.Layout
}

func TestShortRecords(t *testing.T) {
	layout := layoutOf(t, established(ir.BTFTracepoint))
	_, err := layout.Event(make([]byte, 63))
	require.ErrorContains(t, err, "63 bytes of 64")
	_, err = layout.Row(make([]byte, 23), make([]byte, 16))
	require.ErrorContains(t, err, "23 bytes of 24")
	_, err = layout.Row(make([]byte, 24), make([]byte, 15))
	require.ErrorContains(t, err, "15 bytes of 16")
	_, err = layout.Started(make([]byte, 7))
	require.Error(t, err)
	require.Zero(t, layout.Losses([][]byte{{1, 2}}))
	var control gen.Control
	require.Error(t, control.UnmarshalBinary(make([]byte, 127)))
}

func TestControlMarshals(t *testing.T) {
	control := gen.NewControl(ir.Budget{CPU: 5000, Events: 100})
	require.EqualValues(t, 51200, control.CPUPrice)
	require.EqualValues(t, 10_000_000, control.EventInterval)
	control.Off, control.EventsFullAt = gen.OffAsked, 7
	content, err := control.MarshalBinary()
	require.NoError(t, err)
	var again gen.Control
	require.NoError(t, again.UnmarshalBinary(content))
	require.Equal(t, control, again)
}

func FuzzEvent(f *testing.F) {
	probe := goldens()["trigger"]
	layout := layoutOf(f, probe)
	f.Add(make([]byte, 72))
	f.Add([]byte("short"))
	f.Fuzz(func(t *testing.T, record []byte) {
		event, err := layout.Event(record)
		if err != nil {
			return
		}
		require.Len(t, event.Keys, len(probe.Keys))
		require.Len(t, event.Emit, len(probe.Emit))
		require.Len(t, event.Measured, 1)
		require.Less(t, event.Hook, len(probe.Hooks))
	})
}

func FuzzRow(f *testing.F) {
	probe := measured(ir.Int, 1)
	layout := layoutOf(f, probe)
	f.Add(make([]byte, 8), make([]byte, 800), make([]byte, 800))
	f.Add([]byte{}, []byte{1}, []byte{2})
	f.Fuzz(func(t *testing.T, key, one, two []byte) {
		row, err := layout.Row(key, one, two)
		if err == nil {
			require.Len(t, row.Measures, len(probe.Measures))
		}
		layout.Losses([][]byte{one, two})
	})
}
