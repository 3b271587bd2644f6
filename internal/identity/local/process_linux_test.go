// SPDX-License-Identifier: Apache-2.0

package local

import (
	"os"
	"os/exec"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/model"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

func TestProcessThatLivedTwoMilliseconds(t *testing.T) {
	r := newResolver(t, Config{})
	path := newGroup(t, r.Hierarchy().V2, "/system.slice/backup.service")
	command := start(t, place{group: r.Hierarchy().V2 + path}, "sleep", "0.002")
	owner := model.Owner{
		Kind: model.OwnerCgroup2, ID: inode(t, r.Hierarchy().V2+path), NetNS: r.namespaces.host,
		PID: uint32(command.Process.Pid), Comm: "sleep",
	}
	require.NoError(t, command.Wait())
	endpoint := r.Resolve(owner)
	require.Equal(t, "backup", endpoint.Workload)
	require.Equal(t, "sleep", endpoint.Process)
	require.Equal(t, owner.PID, endpoint.PID)
	require.Equal(t, model.EvidenceKernel, endpoint.Evidence["process"])

	owner.Kind, owner.ID = model.OwnerNetNS, uint64(owner.NetNS)
	endpoint = r.Resolve(owner)
	require.Equal(t, "sleep", endpoint.Workload)
	require.Equal(t, model.KindProcess, endpoint.Kind)
}

func TestProcessThatBecomesAnother(t *testing.T) {
	r := newResolver(t, Config{})
	command := exec.Command("bash", "-c", "read; exec sleep 600")
	input, err := command.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	t.Cleanup(func() { end(command) })
	owner := ownerOf(t, model.OwnerNetNS, "", command)
	testkit.Eventually(t, patience, func() string {
		if got := r.Resolve(owner).Process; got != "bash" {
			return "process is " + got
		}
		return ""
	})
	_, err = input.Write([]byte("\n"))
	require.NoError(t, err)
	testkit.Eventually(t, patience, func() string {
		if got := r.Resolve(owner).Process; got != "sleep" {
			return "process is " + got
		}
		return ""
	})
}

func TestReusedProcessNumber(t *testing.T) {
	r := newResolver(t, Config{})
	first := start(t, place{environment: []string{"OTEL_SERVICE_NAME=first"}}, "sleep", "600")
	owner := ownerOf(t, model.OwnerNetNS, "", first)
	_, began, err := readStat("/proc", owner.PID)
	require.NoError(t, err)
	require.Equal(t, "first", r.Resolve(owner).Workload)
	end(first)
	require.Equal(t, "first", r.Resolve(owner).Workload)
	second := startAs(t, owner.PID, began, "OTEL_SERVICE_NAME=second")
	require.NotNil(t, second, "the number was never free")
	testkit.Eventually(t, patience, func() string {
		if got := r.Resolve(owner).Workload; got != "second" {
			return "workload is " + got
		}
		return ""
	})
}

// startAs starts a process with a given number, by telling the kernel which it gave out last; and not within the same
// hundredth of a second as the one before, which is how finely the kernel tells when processes began.
func startAs(t *testing.T, pid uint32, earlier uint64, environment string) *exec.Cmd {
	t.Helper()
	for range 500 {
		require.NoError(t, os.WriteFile("/proc/sys/kernel/ns_last_pid", []byte(strconv.Itoa(int(pid)-1)), 0))
		command := exec.Command("/usr/bin/sleep", "600")
		command.Env = []string{environment}
		require.NoError(t, command.Start())
		if _, began, err := readStat("/proc", pid); command.Process.Pid == int(pid) && err == nil && began != earlier {
			t.Cleanup(func() { end(command) })
			return command
		}
		end(command)
	}
	return nil
}
