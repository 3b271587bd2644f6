// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/netlink"
	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

const times = 500

func place(t *testing.T) Place {
	t.Helper()
	space, err := netlink.New()
	require.NoError(t, err)
	t.Cleanup(func() { _ = space.Close() })
	require.NoError(t, space.SetUp("lo"))
	callee := filepath.Join(t.TempDir(), "callee")
	require.NoError(t, WriteCallee(callee))
	return Place{Namespace: space, Callee: callee, Cgroup: unified(t)}
}

func TestAttach_countsEveryHit(t *testing.T) {
	testkit.RequireRoot(t)
	here := place(t)
	tried := map[ir.HookKind]bool{}
	for _, hook := range Hooks() {
		t.Run(hook.Name(), func(t *testing.T) {
			a, err := Attach(hook, Counting, here)
			if Missing(err) {
				require.True(t, hook.Seldom() || !traceable() && hook.Kind == ir.Tracepoint, "every kernel has %s", hook.Name())
				return
			}
			require.NoError(t, err)
			defer func() { require.NoError(t, a.Close()) }()
			tried[hook.Kind] = true
			if hook.Load == Listen {
				require.NoError(t, here.Namespace.Do(func() error {
					listener, err := net.Listen("tcp4", "127.0.0.1:0")
					t.Cleanup(func() { _ = listener.Close() })
					return err
				}))
				took, err := a.Walk()
				require.NoError(t, err)
				require.Positive(t, took)
				hits, err := a.Hits()
				require.NoError(t, err)
				require.EqualValues(t, 2, hits, "the socket, and the end of the walk")
				return
			}
			require.NoError(t, here.Namespace.Do(func() error {
				loads, err := NewLoads(here.Callee)
				if err != nil {
					return err
				}
				defer func() { require.NoError(t, loads.Close()) }()
				took, err := loads.Run(hook.Load, times)
				require.Positive(t, took)
				return err
			}))
			hits, err := a.Hits()
			require.NoError(t, err)
			require.GreaterOrEqual(t, hits, uint64(times))
		})
	}
	require.True(t, tried[ir.RawTracepoint])
}

// unified is a cgroup of version 2 that this process is in; there is always its root.
func unified(t *testing.T) string {
	t.Helper()
	for _, directory := range []string{"/sys/fs/cgroup/unified", "/sys/fs/cgroup"} {
		if _, err := os.Stat(filepath.Join(directory, "cgroup.controllers")); err == nil {
			return directory
		}
	}
	t.Fatal("no version 2 hierarchy of cgroups is mounted")
	return ""
}

func TestLoads_runIntoTracepoints(t *testing.T) {
	testkit.RequireRoot(t)
	here := place(t)
	for load, tracepoint := range map[Load]string{Talk: "sock_send_length", Dial: "inet_sock_set_state", Send: "kfree_skb"} {
		a, err := Attach(Hook{Kind: ir.RawTracepoint, Target: tracepoint}, Counting, here)
		require.NoError(t, err)
		require.NoError(t, here.Namespace.Do(func() error {
			loads, err := NewLoads("")
			if err != nil {
				return err
			}
			defer func() { require.NoError(t, loads.Close()) }()
			_, err = loads.Run(load, times)
			return err
		}))
		hits, err := a.Hits()
		require.NoError(t, err)
		require.GreaterOrEqual(t, hits, uint64(times-10), "%s: %s", load, tracepoint)
		id, err := a.ID()
		require.NoError(t, err)
		require.NotZero(t, id)
		require.NoError(t, a.Close())
	}
}
