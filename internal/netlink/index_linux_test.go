// SPDX-License-Identifier: Apache-2.0

package netlink

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

// live starts a process that lives in a namespace until the test ends.
func live(t testing.TB, n *Namespace) *exec.Cmd {
	t.Helper()
	command := exec.Command("sleep", "600")
	require.NoError(t, n.Start(command))
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	return command
}

func TestIndexFindsProcessesAndNames(t *testing.T) {
	held, named := newNamespace(t), newNamespace(t)
	command := live(t, held)
	name := fmt.Sprintf("aeo-netlink-%d", os.Getpid())
	output, err := exec.Command("ip", "netns", "add", name).CombinedOutput()
	require.NoError(t, err, string(output))
	defer func() {
		output, err := exec.Command("ip", "netns", "delete", name).CombinedOutput()
		require.NoError(t, err, string(output))
	}()
	index := NewIndex("/proc")
	places, err := index.Refresh()
	require.NoError(t, err)
	ours, err := Current()
	require.NoError(t, err)
	defer ours.Close()
	var withName, host, nameless Place
	for _, place := range places {
		switch {
		case place.Name() == name:
			withName = place
		case place.Inode == ours.Inode():
			host = place
		case place.Inode == held.Inode():
			nameless = place
		}
	}
	require.Zero(t, withName.Processes)
	require.Positive(t, host.Processes)
	require.Equal(t, Place{Inode: held.Inode(), PIDs: []uint32{uint32(command.Process.Pid)}, Processes: 1}, nameless)

	for _, place := range []Place{withName, host, nameless} {
		n, err := index.Open(place.Inode)
		require.NoError(t, err)
		require.Equal(t, place.Inode, n.Inode())
		require.NoError(t, n.Close())
	}
	_, err = index.Open(named.Inode())
	require.ErrorIs(t, err, ErrNoNamespace, "an open file alone keeps it alive")
	lost, err := index.NoRoute(held.Inode(), netip.MustParseAddr("192.0.2.1"))
	require.NoError(t, err)
	require.True(t, lost)
	lost, err = index.NoRoute(held.Inode(), netip.MustParseAddr("127.0.0.1"))
	require.NoError(t, err)
	require.False(t, lost)
}

func TestIndexForgetsWhatHasGone(t *testing.T) {
	n := newNamespace(t)
	command := live(t, n)
	index := NewIndex("/proc")
	_, err := index.Refresh()
	require.NoError(t, err)
	require.NoError(t, command.Process.Kill())
	_ = command.Wait()
	_, err = index.Open(n.Inode())
	require.ErrorIs(t, err, ErrNoNamespace)
	_, err = NewIndex(t.TempDir() + "/none").Refresh()
	require.Error(t, err)
}
