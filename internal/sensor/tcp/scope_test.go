// SPDX-License-Identifier: Apache-2.0

package tcp

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/model"
	"github.com/aeolus-ebpf/aeolus/internal/netlink"
	"github.com/aeolus-ebpf/aeolus/internal/sensor"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

// knock connects to a closed port of its own loopback for each line it is told.
const knock = `
import errno, socket, sys
for line in sys.stdin:
    s = socket.socket()
    assert s.connect_ex(("127.0.0.1", int(line))) == errno.ECONNREFUSED
    s.close(); print("done", flush=True)
`

func (f *foreign) knock(t *testing.T, port int) {
	t.Helper()
	f.tell(t, strconv.Itoa(port))
	require.Equal(t, "done", f.hear(t))
}

func (r *recorder) heard(port int) int {
	return len(r.ends(func(c *model.Connection) bool { return int(c.Remote.Port()) == port }))
}

// TestScope_namespaces: two sensors on one kernel see each its own, and what was made under it.
func TestScope_namespaces(t *testing.T) {
	testkit.RequireRoot(t)
	one, two := newNamespace(t), newNamespace(t)
	scope := func(n *netlink.Namespace) sensor.Settings {
		return sensor.Settings{Scope: sensor.Scope{NetNS: []uint32{n.Inode()}}}
	}
	first, second := start(t, scope(one)), start(t, scope(two))
	inOne, inTwo := startForeign(t, one, knock), startForeign(t, two, knock)
	nested := startNested(t, one)
	inOne.knock(t, 1001)
	inTwo.knock(t, 1002)
	nested.knock(t, 1003)
	testkit.Eventually(t, patience, func() string {
		return missing(first.heard(1001)+second.heard(1002)+first.heard(1003), 3)
	})
	first.stop()
	second.stop()
	for port, want := range map[int][2]int{1001: {1, 0}, 1002: {0, 1}, 1003: {1, 0}} {
		assert.Equal(t, want, [2]int{first.heard(port), second.heard(port)}, "port %d", port)
	}
	assert.Len(t, first.conns, 2)
	assert.Len(t, second.conns, 1)
}

// startNested starts a program in a namespace that a process of another namespace makes.
func startNested(t *testing.T, n *netlink.Namespace) *foreign {
	t.Helper()
	script := fmt.Sprintf("import os, subprocess, sys\nsys.exit(subprocess.run(['unshare', '--net', 'sh', '-c', "+
		"'ip link set lo up && exec python3 -c \"$0\"', %q]).returncode)", knock)
	return startForeign(t, n, strings.ReplaceAll(script, `\t`, "\t"))
}

func makeCgroup(t *testing.T, parts ...string) string {
	t.Helper()
	path := filepath.Join(parts...)
	require.NoError(t, os.Mkdir(path, 0o755))
	t.Cleanup(func() {
		testkit.Eventually(t, patience, func() string {
			if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
				return err.Error()
			}
			return ""
		})
	})
	return path
}

func enter(t *testing.T, cgroup string, f *foreign) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(cgroup, "cgroup.procs"), []byte(strconv.Itoa(f.command.Process.Pid)), 0))
}

func inode(t *testing.T, path string) uint64 {
	t.Helper()
	info, err := os.Stat(path)
	require.NoError(t, err)
	return info.Sys().(*syscall.Stat_t).Ino
}

// TestScope_cgroup2: a subtree of the v2 hierarchy, and owners by its ids.
func TestScope_cgroup2(t *testing.T) {
	testkit.RequireRoot(t)
	root := cgroup2Root(t)
	require.NotEmpty(t, root)
	top := makeCgroup(t, root, fmt.Sprintf("aeo-tcp-%d", os.Getpid()))
	below := makeCgroup(t, top, "below")
	beside := makeCgroup(t, root, fmt.Sprintf("aeo-tcp-%d-beside", os.Getpid()))
	cgroupScoped(t, sensor.Settings{Scope: sensor.Scope{CgroupPath: top}}, model.OwnerCgroup2, below, beside)
}

// TestScope_cgroup1: the same in a v1 hierarchy, where processes sit in the root of the v2 one.
func TestScope_cgroup1(t *testing.T) {
	testkit.RequireRoot(t)
	const subsystem, root = "pids", "/sys/fs/cgroup/pids"
	mounts, err := exec.Command("findmnt", "--noheadings", "--types", "cgroup", root).Output()
	if err != nil || len(mounts) == 0 {
		t.Skip("needs a v1 hierarchy of the pids controller")
	}
	top := makeCgroup(t, root, fmt.Sprintf("aeo-tcp-%d", os.Getpid()))
	below := makeCgroup(t, top, "below")
	beside := makeCgroup(t, root, fmt.Sprintf("aeo-tcp-%d-beside", os.Getpid()))
	settings := sensor.Settings{Scope: sensor.Scope{CgroupPath: top}, Cgroup1Subsystem: subsystem}
	cgroupScoped(t, settings, model.OwnerCgroup1, below, beside)
}

func cgroupScoped(t *testing.T, settings sensor.Settings, kind model.OwnerKind, below, beside string) {
	t.Helper()
	n := newNamespace(t)
	within, without := startForeign(t, n, knock), startForeign(t, n, knock)
	enter(t, below, within)
	enter(t, beside, without)
	run := start(t, settings)
	require.Empty(t, run.lost())
	within.knock(t, 1011)
	without.knock(t, 1012)
	within.knock(t, 1013)
	testkit.Eventually(t, patience, func() string { return missing(run.heard(1011)+run.heard(1013), 2) })
	run.stop()
	assert.Len(t, run.conns, 2)
	for _, c := range run.conns {
		assert.Equal(t, kind, c.Owner.Kind)
		assert.Equal(t, inode(t, below), c.Owner.ID)
		assert.Equal(t, uint32(within.command.Process.Pid), c.Owner.PID)
	}
	for _, f := range []*foreign{within, without} {
		require.NoError(t, f.in.Close())
		_ = f.command.Wait()
	}
}

// TestScope_wrong: a scope that cannot be kept is refused.
func TestScope_wrong(t *testing.T) {
	for _, scope := range []sensor.Scope{
		{CgroupPath: "/nowhere"}, {CgroupPath: "/proc"}, {CgroupPath: "/", NetNS: []uint32{1}},
	} {
		s, err := New(sensor.Settings{Scope: scope})
		require.NoError(t, err)
		require.ErrorContains(t, s.Run(t.Context(), nil, nil), "scope")
	}
}
