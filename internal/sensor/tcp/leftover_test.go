// SPDX-License-Identifier: Apache-2.0

package tcp

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/sensor"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

// held counts what this process holds in the kernel: its open files say so, and a link or a program that nothing holds is
// gone.
func held(t *testing.T, kind string) int {
	t.Helper()
	files, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	found := 0
	for _, file := range files {
		target, err := os.Readlink("/proc/self/fd/" + file.Name())
		if err == nil && strings.HasPrefix(target, "anon_inode:bpf") && strings.Contains(target, kind) {
			found++
		}
	}
	return found
}

// TestNothingIsLeft: when Run has returned, the kernel holds nothing of ours; and the sensor can run again.
func TestNothingIsLeft(t *testing.T) {
	testkit.RequireRoot(t)
	s, err := New(sensor.Settings{Cgroup2Root: cgroup2Root(t)})
	require.NoError(t, err)
	for range 2 {
		for _, kind := range []string{"prog", "map", "link"} {
			assert.Zero(t, held(t, kind), kind)
		}
		ctx, cancel := context.WithCancel(t.Context())
		err = s.Run(ctx, &recorder{}, func(sensor.State) {
			assert.Equal(t, programs, held(t, "prog"))
			assert.Equal(t, 10, held(t, "link"))
			assert.Positive(t, s.Cost().Memory)
			cancel()
		})
		require.NoError(t, err)
		assert.Positive(t, s.Cost().Runs)
		assert.Zero(t, s.Cost().Memory)
	}
	for _, kind := range []string{"prog", "map", "link"} {
		assert.Zero(t, held(t, kind), kind)
	}
}

// TestCancelled: a sensor whose time is over before it is ready ends all the same.
func TestCancelled(t *testing.T) {
	testkit.RequireRoot(t)
	s, err := New(sensor.Settings{})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, s.Run(ctx, &recorder{}, func(state sensor.State) {
		assert.Len(t, state.Missing, 1, "no cgroup v2 root was given")
	}))
}
