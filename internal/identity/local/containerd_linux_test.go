// SPDX-License-Identifier: Apache-2.0

package local

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/model"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

// engine is a containerd of our own.
type engine struct {
	directory, socket string
}

// startEngine starts a containerd that shares nothing with the machine's own but the kernel.
func startEngine(t *testing.T) engine {
	t.Helper()
	testkit.RequireRoot(t)
	e := engine{directory: shortDirectory(t)}
	e.socket = filepath.Join(e.directory, "containerd.sock")
	config := fmt.Sprintf(`version = 2
root = %q
state = %q
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
address = %q
`, filepath.Join(e.directory, "root"), filepath.Join(e.directory, "state"), e.socket)
	file := filepath.Join(e.directory, "config.toml")
	require.NoError(t, os.WriteFile(file, []byte(config), 0o600))
	log, err := os.Create(filepath.Join(e.directory, "log"))
	require.NoError(t, err)
	defer log.Close()
	daemon := exec.Command("containerd", "--config", file)
	daemon.Stdout, daemon.Stderr = log, log
	require.NoError(t, daemon.Start(), "apt-get install containerd runc busybox-static")
	t.Cleanup(func() {
		_ = daemon.Process.Signal(syscall.SIGTERM)
		_ = daemon.Wait()
	})
	testkit.Eventually(t, patience, func() string {
		connection, err := net.Dial("unix", e.socket)
		if err != nil {
			text, _ := os.ReadFile(log.Name())
			return "containerd does not answer: " + string(text)
		}
		_ = connection.Close()
		return ""
	})
	return e
}

// ctr runs containerd's own client.
func (e engine) ctr(t *testing.T, arguments ...string) string {
	t.Helper()
	command := exec.Command("ctr", append([]string{"--address", e.socket, "--namespace", "aeolus-test"}, arguments...)...)
	output, err := command.CombinedOutput()
	require.NoError(t, err, string(output))
	return string(output)
}

// run starts a container whose only program sleeps, and returns the program's process.
func (e engine) run(t *testing.T, id, group string) uint32 {
	t.Helper()
	root := filepath.Join(e.directory, "rootfs")
	require.NoError(t, os.MkdirAll(root, 0o755))
	program, err := os.ReadFile("/bin/busybox")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(root, "busybox"), program, 0o755))
	e.ctr(t, "run", "--detach", "--rootfs", "--cgroup", group, "--label", "io.kubernetes.container.name=web",
		"--label", "io.kubernetes.pod.namespace=shop", root, id, "/busybox", "sleep", "600")
	t.Cleanup(func() {
		e.ctr(t, "task", "kill", "--signal", "KILL", id)
		testkit.Eventually(t, patience, func() string {
			if list := e.ctr(t, "task", "list"); strings.Contains(list, "RUNNING") {
				return list
			}
			return ""
		})
		_ = exec.Command("ctr", "--address", e.socket, "--namespace", "aeolus-test", "task", "delete", id).Run()
		e.ctr(t, "container", "delete", id)
		e.removeGroups(t, filepath.Dir(group))
	})
	for line := range strings.Lines(e.ctr(t, "task", "list")) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == id {
			pid, err := strconv.ParseUint(fields[1], 10, 32)
			require.NoError(t, err)
			return uint32(pid)
		}
	}
	t.Fatal("the container is not running")
	return 0
}

// removeGroups removes what runc leaves: the group above the container's, in every hierarchy.
func (engine) removeGroups(t *testing.T, group string) {
	for _, pattern := range []string{"/sys/fs/cgroup" + group, "/sys/fs/cgroup/*" + group} {
		directories, err := filepath.Glob(pattern)
		require.NoError(t, err)
		for _, directory := range directories {
			removeGroup(t, directory)
		}
	}
}

func TestContainerdNamesContainers(t *testing.T) {
	e := startEngine(t)
	group := fmt.Sprintf("/aeo-identity-%d/%s", os.Getpid(), idB)
	pid := e.run(t, idB, group)
	r := newResolver(t, Config{Runtimes: []RuntimeSocket{{ProtocolContainerd, e.socket}}})
	netNS := uint32(inode(t, fmt.Sprintf("/proc/%d/ns/net", pid)))
	owner := r.ownerOf(pid, netNS, "busybox")
	require.Equal(t, model.OwnerCgroup2, owner.Kind)
	require.Equal(t, inode(t, r.Hierarchy().V2+group), owner.ID)
	testkit.Eventually(t, patience, func() string {
		if got := r.Resolve(owner).Workload; got != "web" {
			return "workload is " + got
		}
		return ""
	})
	endpoint := r.Resolve(owner)
	require.Equal(t, "shop", endpoint.Namespace)
	require.Equal(t, model.KindContainer, endpoint.Kind)
	require.Equal(t, model.Container{ID: idB, Name: "web", Image: "", Runtime: "containerd"}, endpoint.Container)
	require.Equal(t, idB[:12], endpoint.Instance)

	// The same by the hierarchy that stands in where there are no version 2 groups.
	if r.Hierarchy().V1 != "" {
		owner.Kind, owner.ID = model.OwnerCgroup1, inode(t, r.Hierarchy().V1+group)
		require.Equal(t, "web", r.Resolve(owner).Workload)
	}
}
