// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"os"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

func TestStats_countWhileTheyAreOn(t *testing.T) {
	testkit.RequireRoot(t)
	on, err := Enable()
	require.NoError(t, err)
	defer on.Close()
	enabled, err := Enabled()
	require.NoError(t, err)
	require.True(t, enabled, "the switch that the sysctl does not show")
	self, err := Self()
	require.NoError(t, err)
	require.Positive(t, self)
	require.Less(t, self, time.Millisecond)

	program, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Name: "aeo_stats", Type: ebpf.SocketFilter, License: "Dual BSD/GPL",
		Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()},
	})
	require.NoError(t, err)
	defer program.Close()
	_, err = program.Run(&ebpf.RunOptions{Data: make([]byte, 64), Repeat: 1234})
	require.NoError(t, err)
	info, err := program.Info()
	require.NoError(t, err)
	id, _ := info.ID()
	found := func(programs []Program) []Program {
		var same []Program
		for _, p := range programs {
			if p.ID == uint32(id) {
				same = append(same, p)
			}
		}
		return same
	}
	mine, err := Of(os.Getpid())
	require.NoError(t, err)
	named, err := Named("aeo_stats")
	require.NoError(t, err)
	for _, programs := range [][]Program{found(mine), found(named)} {
		require.Len(t, programs, 1)
		require.EqualValues(t, 1234, programs[0].Runs)
		require.Positive(t, programs[0].Time)
	}
}

func TestMeter_sumsEveryProgram(t *testing.T) {
	testkit.RequireRoot(t)
	m, err := ebpf.NewMap(&ebpf.MapSpec{Name: metersMap, Type: ebpf.PerCPUArray, KeySize: 4, ValueSize: 24, MaxEntries: 3})
	require.NoError(t, err)
	defer m.Close()
	cpus := ebpf.MustPossibleCPU()
	slots := make([][3]uint64, cpus)
	slots[0] = [3]uint64{512, 2, 200}
	require.NoError(t, m.Put(uint32(1), slots))
	require.NoError(t, m.Put(uint32(2), slots))
	sum, err := Meter(os.Getpid())
	require.NoError(t, err)
	require.EqualValues(t, 1024, sum.Runs)
	require.Equal(t, 102_400*time.Nanosecond, sum.Time)
}

func TestParseID(t *testing.T) {
	const text = "pos:\t0\nflags:\t02000002\nprog_type:\t26\nprog_id:\t42\nrun_cnt:\t0\n"
	id, ok := parseID(text, "prog_id:")
	require.True(t, ok)
	require.EqualValues(t, 42, id)
	for _, bad := range []string{"", "prog_id:\t0\n", "prog_id:\tx\n", "map_id:\t7\n"} {
		_, ok := parseID(bad, "prog_id:")
		require.False(t, ok, bad)
	}
}
