// SPDX-License-Identifier: Apache-2.0

package sensor_test

import (
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/loss"
	"github.com/aeolus-ebpf/aeolus/internal/model"
	"github.com/aeolus-ebpf/aeolus/internal/netlink"
	"github.com/aeolus-ebpf/aeolus/internal/sensor"
	"github.com/aeolus-ebpf/aeolus/internal/sensor/tcp"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

// TestTCP_inNamespace watches one of two namespaces.
func TestTCP_inNamespace(t *testing.T) {
	inside, outside := newNamespace(t), newNamespace(t)
	w := observeWithin(t, tcp.Name, sensor.Scope{NetNS: []uint32{inside.Inode()}})
	exchange(t, outside)
	exchange(t, inside)
	require.Len(t, ends(t, w, inside), 2)
	w.stop()
	require.Empty(t, w.in(outside, func(model.Connection) bool { return true }))
}

// TestTCP_inCgroup watches one v2 cgroup, which is what it takes for the owner.
func TestTCP_inCgroup(t *testing.T) {
	root := settings(t, loss.NewLedger()).Cgroup2Root
	group := filepath.Join(root, "aeo-kernel-scope")
	require.NoError(t, os.Mkdir(group, 0o755))
	t.Cleanup(func() { require.NoError(t, os.Remove(group)) })
	info, err := os.Stat(group)
	require.NoError(t, err)
	w := observeWithin(t, tcp.Name, sensor.Scope{CgroupPath: group})
	ns := newNamespace(t)
	exchange(t, ns)
	enter(t, group)
	t.Cleanup(func() { enter(t, root) })
	exchange(t, ns)
	for _, end := range ends(t, w, ns) {
		require.Equal(t, model.OwnerCgroup2, end.Owner.Kind)
		require.Equal(t, info.Sys().(*syscall.Stat_t).Ino, end.Owner.ID)
	}
	w.stop()
	require.Len(t, w.in(ns, func(model.Connection) bool { return true }), 2)
}

// enter moves this process to a cgroup; sockets stay with the one in which they were made.
func enter(t *testing.T, group string) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(group, "cgroup.procs"), []byte(strconv.Itoa(os.Getpid())), 0))
}

// exchange is one connection from its beginning to its end.
func exchange(t *testing.T, ns *netlink.Namespace) {
	t.Helper()
	listener, at := listen(t, ns, families["IPv4"])
	client, server := pair(t, ns, listener, at)
	send(t, client, server, 10)
	closeInOrder(t, client, server)
	require.NoError(t, listener.Close())
}

// ends waits for both ends of a namespace's connection.
func ends(t *testing.T, w *watch, ns *netlink.Namespace) []model.Connection {
	t.Helper()
	var found []model.Connection
	testkit.Eventually(t, 20*time.Second, func() string {
		found = w.in(ns, func(c model.Connection) bool { return c.Phase == model.PhaseClosed })
		if len(found) < 2 {
			return strconv.Itoa(len(found)) + " ends of 2"
		}
		return ""
	})
	return found
}
