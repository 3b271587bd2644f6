// SPDX-License-Identifier: Apache-2.0

package local

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/aeolus-ebpf/aeolus/internal/model"
	"github.com/aeolus-ebpf/aeolus/internal/netlink"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 15 * time.Second

// newResolver makes a resolver that asks no runtime of this machine, and runs it until the test ends.
func newResolver(t testing.TB, config Config) *Resolver {
	t.Helper()
	r := idleResolver(t, config)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-done)
	})
	return r
}

func idleResolver(t testing.TB, config Config) *Resolver {
	t.Helper()
	testkit.RequireRoot(t)
	config.Node = "here"
	if config.Runtimes == nil {
		config.Runtimes = []RuntimeSocket{}
	}
	r, err := New(config)
	require.NoError(t, err)
	return r
}

// newGroup makes a control group, with those above it, in a hierarchy, and removes them at the end.
func newGroup(t testing.TB, root, path string) string {
	t.Helper()
	require.NotEmpty(t, root)
	top, err := os.MkdirTemp(root, "aeo-identity-")
	require.NoError(t, err)
	full := top + path
	require.NoError(t, os.MkdirAll(full, 0o755))
	t.Cleanup(func() {
		for directory := full; directory != root; directory = filepath.Dir(directory) {
			removeGroup(t, directory)
		}
	})
	return strings.TrimPrefix(full, root)
}

// removeGroup waits for the processes that have ended to leave.
func removeGroup(t testing.TB, directory string) {
	t.Helper()
	testkit.Eventually(t, patience, func() string {
		if err := os.Remove(directory); err != nil && !os.IsNotExist(err) {
			return err.Error()
		}
		return ""
	})
}

// place is where a process is started.
type place struct {
	// group is a directory of the version 2 hierarchy.
	group       string
	netNS       *netlink.Namespace
	environment []string
}

// start runs a command until the test ends.
func start(t testing.TB, where place, argv ...string) *exec.Cmd {
	t.Helper()
	command := exec.Command(argv[0], argv[1:]...)
	command.Env = append([]string{"PATH=" + os.Getenv("PATH")}, where.environment...)
	if where.group != "" {
		directory, err := os.Open(where.group)
		require.NoError(t, err)
		defer directory.Close()
		command.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(directory.Fd())}
	}
	begin := command.Start
	if where.netNS != nil {
		begin = func() error { return where.netNS.Start(command) }
	}
	require.NoError(t, begin())
	t.Cleanup(func() { end(command) })
	return command
}

func end(command *exec.Cmd) {
	_ = command.Process.Kill()
	_ = command.Wait()
}

// inode asks an outsider for a file's inode.
func inode(t testing.TB, path string) uint64 {
	t.Helper()
	output, err := exec.Command("stat", "--dereference", "--format=%i", path).Output()
	require.NoError(t, err, path)
	number, err := strconv.ParseUint(strings.TrimSpace(string(output)), 10, 64)
	require.NoError(t, err)
	return number
}

// ownerOf makes the owner that the kernel would report for a process in a group.
func ownerOf(t testing.TB, kind model.OwnerKind, group string, command *exec.Cmd) model.Owner {
	t.Helper()
	netNS := uint32(inode(t, fmt.Sprintf("/proc/%d/ns/net", command.Process.Pid)))
	owner := model.Owner{
		Kind: kind, ID: uint64(netNS), NetNS: netNS, PID: uint32(command.Process.Pid), Comm: filepath.Base(command.Path),
	}
	if group != "" {
		owner.ID = inode(t, group)
	}
	return owner
}

func newNamespace(t testing.TB) *netlink.Namespace {
	t.Helper()
	testkit.RequireRoot(t)
	n, err := netlink.New()
	require.NoError(t, err)
	t.Cleanup(func() { _ = n.Close() })
	return n
}

// nameNamespace makes a namespace with a name that `ip netns` knows.
func nameNamespace(t testing.TB, name string) *netlink.Namespace {
	t.Helper()
	testkit.RequireRoot(t)
	output, err := exec.Command("ip", "netns", "add", name).CombinedOutput()
	require.NoError(t, err, string(output))
	t.Cleanup(func() { _ = exec.Command("ip", "netns", "delete", name).Run() })
	n, err := netlink.OpenPath("/run/netns/" + name)
	require.NoError(t, err)
	t.Cleanup(func() { _ = n.Close() })
	return n
}
