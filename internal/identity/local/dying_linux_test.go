// SPDX-License-Identifier: Apache-2.0

package local

import (
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/model"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

// dead kills a process and leaves it a zombie: it still has a number, a name and a start, but nothing to read.
func dead(t *testing.T, command *exec.Cmd) {
	t.Helper()
	require.NoError(t, command.Process.Kill())
	testkit.Eventually(t, patience, func() string {
		if p, err := readProcess("/proc", uint32(command.Process.Pid)); err != nil || p.executable != "" {
			return "it is not dead yet"
		}
		return ""
	})
}

// TestProcessThatIsDying is first seen alive, then dying under another name: what was known of it stays.
func TestProcessThatIsDying(t *testing.T) {
	r := idleResolver(t, Config{})
	ns := newNamespace(t)
	command := start(t, place{netNS: ns, environment: []string{"OTEL_SERVICE_NAME=frontend"}}, "sleep", "600")
	owner := ownerOf(t, model.OwnerNetNS, "", command)
	require.Equal(t, "frontend", r.Resolve(owner).Workload)
	dead(t, command)
	other := owner
	other.Comm = "worker"
	r.groups = newCache[groupKey, *group](maxKnown)
	r.forget(func(model.Owner, *resolved) bool { return true })
	if known, ok := r.processes.get(owner.PID); ok {
		known.comm = "worker" // a thread's or an earlier name
	}
	endpoint := r.Resolve(other)
	require.Equal(t, "frontend", endpoint.Workload)
	require.Equal(t, model.KindService, endpoint.Kind)
}

// TestProcessFirstSeenDead is named by whoever else has spoken for its namespace, in whichever group.
func TestProcessFirstSeenDead(t *testing.T) {
	r := idleResolver(t, Config{})
	ns := newNamespace(t)
	v2 := r.Hierarchy().V2
	old, fresh := newGroup(t, v2, "/one"), newGroup(t, v2, "/two")
	environment := []string{"OTEL_SERVICE_NAME=frontend", "OTEL_RESOURCE_ATTRIBUTES=service.namespace=shop"}
	first := start(t, place{netNS: ns, group: v2 + old, environment: environment}, "sleep", "600")
	require.Equal(t, "frontend", r.Resolve(ownerOf(t, model.OwnerCgroup2, v2+old, first)).Workload)
	second := start(t, place{netNS: ns, group: v2 + fresh, environment: environment}, "sleep", "600")
	owner := ownerOf(t, model.OwnerCgroup2, v2+fresh, second)
	dead(t, second)
	for _, kind := range []model.OwnerKind{model.OwnerCgroup2, model.OwnerNetNS} {
		owner.Kind = kind
		if kind == model.OwnerNetNS {
			owner.ID = uint64(owner.NetNS)
		}
		endpoint := r.Resolve(owner)
		require.Equal(t, "frontend", endpoint.Workload, kind)
		require.Equal(t, "shop", endpoint.Namespace)
		require.Equal(t, model.KindService, endpoint.Kind)
	}
}

// TestProcessFirstSeenDeadIsCorrected is asked for before anybody has spoken.
func TestProcessFirstSeenDeadIsCorrected(t *testing.T) {
	r := idleResolver(t, Config{})
	ns := newNamespace(t)
	v2 := r.Hierarchy().V2
	old, fresh := newGroup(t, v2, "/one"), newGroup(t, v2, "/two")
	environment := []string{"OTEL_SERVICE_NAME=frontend"}
	second := start(t, place{netNS: ns, group: v2 + old, environment: environment}, "sleep", "600")
	owner := ownerOf(t, model.OwnerCgroup2, v2+old, second)
	dead(t, second)
	require.Equal(t, "sleep", r.Resolve(owner).Workload)
	first := start(t, place{netNS: ns, group: v2 + fresh, environment: environment}, "sleep", "600")
	require.Equal(t, "frontend", r.Resolve(ownerOf(t, model.OwnerCgroup2, v2+fresh, first)).Workload)
	require.Equal(t, "frontend", r.Resolve(owner).Workload)
}
