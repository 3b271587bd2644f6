// SPDX-License-Identifier: Apache-2.0

package netlink

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNewMakesAnotherNamespaceAndLeavesOursAlone(t *testing.T) {
	before, err := Current()
	require.NoError(t, err)
	defer before.Close()
	made := newNamespace(t)
	require.NotEqual(t, before.Inode(), made.Inode())
	for range 20 {
		var inside uint32
		require.NoError(t, made.Do(func() error {
			n, err := Current()
			if err == nil {
				inside = n.Inode()
				err = n.Close()
			}
			return err
		}))
		require.Equal(t, made.Inode(), inside)
		after, err := Current()
		require.NoError(t, err)
		require.Equal(t, before.Inode(), after.Inode())
		require.NoError(t, after.Close())
	}
	links, err := made.Links()
	require.NoError(t, err)
	require.Equal(t, []string{"lo"}, links)
}

func TestDoPassesErrorsPanicsAndExits(t *testing.T) {
	n := newNamespace(t)
	sentinel := errors.New("sentinel")
	require.ErrorIs(t, n.Do(func() error { return sentinel }), sentinel)
	require.PanicsWithValue(t, "boom", func() { _ = n.Do(func() error { panic("boom") }) })
	require.ErrorContains(t, n.Do(func() error { runtime.Goexit(); return nil }), "ended its goroutine")
	require.NoError(t, n.Do(func() error { return nil }))
}

func TestStartRunsAProcessInTheNamespace(t *testing.T) {
	n := newNamespace(t)
	var out strings.Builder
	command := exec.Command("readlink", "/proc/self/ns/net")
	command.Stdout = &out
	require.NoError(t, n.Start(command))
	require.NoError(t, command.Wait())
	require.Contains(t, out.String(), strings.TrimPrefix(n.String(), "netns-"))
}

func TestWriteSysctl(t *testing.T) {
	n := newNamespace(t)
	host, err := os.ReadFile("/proc/sys/net/ipv4/tcp_syn_retries")
	require.NoError(t, err)
	require.NoError(t, n.WriteSysctl("net.ipv4.tcp_syn_retries", "3"))
	require.NoError(t, n.Do(func() error {
		value, err := os.ReadFile("/proc/sys/net/ipv4/tcp_syn_retries")
		if err == nil && string(value) != "3\n" {
			err = errors.New("reads " + string(value))
		}
		return err
	}))
	after, err := os.ReadFile("/proc/sys/net/ipv4/tcp_syn_retries")
	require.NoError(t, err)
	require.Equal(t, host, after)
	require.ErrorContains(t, n.WriteSysctl("net.ipv4.nothing_like_it", "1"), "setting net.ipv4.nothing_like_it")
}

func TestOpenPathRefusesWhatIsNoNetworkNamespace(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for _, path := range []string{file, "/proc/self/ns/mnt", "/nowhere"} {
		_, err := OpenPath(path)
		require.ErrorContains(t, err, "opening network namespace", path)
	}
	_, err := OpenPID(1 << 30)
	require.ErrorIs(t, err, os.ErrNotExist)
}
