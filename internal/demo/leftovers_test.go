// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/netlink"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

// host is a namespace that stands for the machine's own: what the shop leaves there is the shop's, whatever else goes on
// on the machine.
type host struct{ namespace *netlink.Namespace }

func newHost(t *testing.T) host {
	namespace, err := netlink.New()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, namespace.Close()) })
	return host{namespace}
}

// snapshot is everything in the namespace that could have been changed.
func (h host) snapshot(t *testing.T) string {
	t.Helper()
	rules, err := h.namespace.NftRules()
	require.NoError(t, err)
	var all strings.Builder
	fmt.Fprintln(&all, "rules:", rules)
	for _, arguments := range [][]string{
		{"ip", "-o", "link"}, {"ip", "-o", "address"}, {"ip", "route", "show", "table", "all"}, {"sysctl", "-a", "--pattern", "^net[.]"},
	} {
		var output strings.Builder
		command := exec.Command(arguments[0], arguments[1:]...)
		command.Stdout = &output
		require.NoError(t, h.namespace.Start(command))
		require.NoError(t, command.Wait(), arguments)
		fmt.Fprintln(&all, arguments, output.String())
	}
	return all.String()
}

// run starts a shop as a process of its own on the host, and waits until it is open.
func (h host) run(t *testing.T, directory string) (*exec.Cmd, Status) {
	command := exec.Command(os.Args[0], runArgument, directory)
	command.Stderr = os.Stderr
	require.NoError(t, h.namespace.Start(command))
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	client := NewClient(directory)
	var status Status
	testkit.Eventually(t, 30*time.Second, func() string {
		var err error
		if status, err = client.Status(t.Context()); err != nil {
			return err.Error()
		}
		return ""
	})
	return command, status
}

func TestEndInOrderLeavesNothing(t *testing.T) {
	testkit.RequireRoot(t)
	h := newHost(t)
	before := h.snapshot(t)
	directory := t.TempDir() + "/state"
	command, status := h.run(t, directory)
	switchAll(t, NewClient(directory))
	requireUnnamed(t, status)

	require.NoError(t, command.Process.Signal(syscall.SIGTERM))
	require.NoError(t, command.Wait())
	require.Empty(t, alive(status))
	require.NoDirExists(t, directory)
	require.NoDirExists(t, filepath.Dir(status.Services[0].Instances[0].Cgroup))
	require.Equal(t, before, h.snapshot(t))
}

func TestKillLeavesNothing(t *testing.T) {
	testkit.RequireRoot(t)
	h := newHost(t)
	before := h.snapshot(t)
	directory := t.TempDir() + "/state"
	command, status := h.run(t, directory)
	switchAll(t, NewClient(directory))

	kill(t, command.Process.Pid)
	require.Error(t, command.Wait())
	testkit.Eventually(t, 2*time.Second, func() string { return alive(status) })
	require.Equal(t, before, h.snapshot(t))

	// What may stay are empty control groups and the state directory.
	require.NoError(t, Clean(Config{StateDir: directory}))
	require.NoDirExists(t, directory)
	require.NoDirExists(t, filepath.Dir(status.Services[0].Instances[0].Cgroup))
}

// A shop can be killed at any moment of its start, and the next one starts in the same place.
func TestStartAfterKills(t *testing.T) {
	testkit.RequireRoot(t)
	h := newHost(t)
	directory := t.TempDir() + "/state"
	for _, after := range []time.Duration{5, 50, 150, 300, 600} {
		command := exec.Command(os.Args[0], runArgument, directory)
		require.NoError(t, h.namespace.Start(command))
		time.Sleep(after * time.Millisecond) // not waiting for anything: the moment is what is tried
		kill(t, command.Process.Pid)
		require.Error(t, command.Wait())
	}
	command, status := h.run(t, directory)
	require.NoError(t, command.Process.Signal(syscall.SIGTERM))
	require.NoError(t, command.Wait())
	require.Empty(t, alive(status))
	require.NoDirExists(t, directory)
	require.NoDirExists(t, filepath.Dir(status.Services[0].Instances[0].Cgroup))
}

// switchAll switches every fault on, so that there is as much as possible to leave behind.
func switchAll(t *testing.T, client *Client) {
	for _, f := range Catalogue() {
		_, err := client.Switch(t.Context(), f.Name, true, Setting{})
		require.NoError(t, err, f.Name)
	}
}

// requireUnnamed checks that no mount and no entry of /run/netns names one of the shop's namespaces.
func requireUnnamed(t *testing.T, status Status) {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	require.NoError(t, err)
	for _, s := range status.Services {
		for _, i := range s.Instances {
			require.NotContains(t, string(mounts), fmt.Sprintf("net:[%d]", i.Namespace))
		}
	}
}

// alive names a process that still belongs to the shop, by its program or its namespace; empty if there is none.
func alive(status Status) string {
	namespaces := map[string]string{}
	for _, s := range status.Services {
		for _, i := range s.Instances {
			namespaces[fmt.Sprintf("net:[%d]", i.Namespace)] = i.Name
		}
	}
	links, err := filepath.Glob("/proc/[0-9]*/ns/net")
	if err != nil {
		return err.Error()
	}
	for _, link := range links {
		target, err := os.Readlink(link)
		if err != nil {
			continue // it ended meanwhile
		}
		if name, ours := namespaces[target]; ours {
			return fmt.Sprintf("%s is in the namespace of %s", link, name)
		}
	}
	return ""
}

func kill(t *testing.T, pid int) {
	t.Helper()
	process, err := os.FindProcess(pid)
	require.NoError(t, err)
	require.NoError(t, process.Kill())
}
