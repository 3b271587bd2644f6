// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

func TestSweepCgroups(t *testing.T) {
	testkit.RequireRoot(t)
	mounted, err := findCgroupRoot()
	require.NoError(t, err)
	root := filepath.Join(mounted, "aeolus-demotest-sweep")
	left, living := filepath.Join(root, cgroupPrefix+"left"), filepath.Join(root, cgroupPrefix+"living")
	for _, directory := range []string{filepath.Join(left, "cart-1"), filepath.Join(living, "cart-1"), filepath.Join(living, "killed")} {
		require.NoError(t, os.MkdirAll(directory, 0o755))
	}
	t.Cleanup(func() { require.NoError(t, removeCgroups(root, 5*time.Second)) })
	sleeper := exec.Command("sleep", "60")
	require.NoError(t, sleeper.Start())
	t.Cleanup(func() {
		_ = sleeper.Process.Kill()
		_ = sleeper.Wait()
	})
	require.NoError(t, os.WriteFile(filepath.Join(living, "cart-1", "cgroup.procs"), []byte(strconv.Itoa(sleeper.Process.Pid)), 0))

	require.NoError(t, sweepCgroups(root, time.Now()))
	require.DirExists(t, left, "it may be about to open")
	require.NoError(t, sweepCgroups(root, time.Now().Add(2*abandoned)))
	require.NoDirExists(t, left)
	require.DirExists(t, filepath.Join(living, "killed"), "a living shop's instance that is down")
}
