// SPDX-License-Identifier: Apache-2.0

package app

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

// TestLeavesNothing compares the machine before `up --demo` with the machine after it was interrupted, after it
// crashed, and after it was killed at random times.
func TestLeavesNothing(t *testing.T) {
	testkit.RequireRoot(t)
	before := takeInventory(t)

	t.Run("interrupt", func(t *testing.T) {
		a := up(t, "--demo")
		during := takeInventory(t)
		for _, kind := range []string{"BPF programs", "BPF maps", "BPF links", "network namespaces", "processes"} {
			require.NotEmpty(t, minus(during[kind], before[kind]), kind)
		}
		a.interrupt()
		requireUnchanged(t, before, 2*time.Second)
	})
	t.Run("crash", func(t *testing.T) {
		// Go's runtime ends the process at SIGQUIT as it does at a panic that nothing recovers.
		ended(t, syscall.SIGQUIT, 4*time.Second)
		requireUnchanged(t, before, 2*time.Second)
	})
	t.Run("kill", func(t *testing.T) {
		times := 3
		if testkit.Full() {
			times = 50
		}
		for range times {
			ended(t, syscall.SIGKILL, time.Duration(rand.Int64N(int64(6*time.Second))))
			requireUnchanged(t, before, 2*time.Second)
		}
	})
}

// ended starts `up --demo` and sends it a signal after a time, whatever it is doing then.
func ended(t *testing.T, by syscall.Signal, after time.Duration) {
	t.Helper()
	t.Logf("%s after %s", by, after)
	dir := t.TempDir()
	cmd := exec.Command(binary, "up", "--demo", "--data-dir", filepath.Join(dir, "data"), "--run-dir",
		filepath.Join(dir, "run"), "--listen", "127.0.0.1:0")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	require.NoError(t, cmd.Start())
	time.Sleep(after)
	require.NoError(t, cmd.Process.Signal(by))
	_ = cmd.Wait()
}

// inventory is what a program could leave behind, by kind. Empty cgroup directories are not in it: after a kill they
// stay until the next start.
type inventory map[string][]string

// lasting are the kinds of which nothing may be missing either; others' programs and processes come to their end meanwhile.
var lasting = []string{"nft rules", "links", "mounts", "sysctls", "files"}

func takeInventory(t *testing.T) inventory {
	t.Helper()
	programs, maps, links := bpfObjects(t)
	return inventory{
		"BPF programs":       programs,
		"BPF maps":           maps,
		"BPF links":          links,
		"network namespaces": namespaces(t),
		"processes":          processes(t),
		"nft rules":          lines(t, "nft", "list", "ruleset"),
		"links":              lines(t, "ip", "-br", "link"),
		"mounts":             mounts(t),
		"sysctls":            sysctls(t),
		"files":              files(t),
	}
}

// requireUnchanged waits until nothing is there that was not there before.
func requireUnchanged(t *testing.T, before inventory, within time.Duration) {
	t.Helper()
	testkit.Eventually(t, within, func() string {
		now := takeInventory(t)
		for kind, had := range before {
			if added := minus(now[kind], had); len(added) > 0 {
				return fmt.Sprintf("%s left behind: %s", kind, strings.Join(added, ", "))
			}
			if removed := minus(had, now[kind]); len(removed) > 0 && slices.Contains(lasting, kind) {
				return fmt.Sprintf("%s gone: %s", kind, strings.Join(removed, ", "))
			}
		}
		return ""
	})
}

func minus(a, b []string) []string {
	var rest []string
	for _, s := range a {
		if !slices.Contains(b, s) {
			rest = append(rest, s)
		}
	}
	return rest
}

func namespaces(t *testing.T) []string {
	t.Helper()
	links, err := filepath.Glob("/proc/[0-9]*/ns/net")
	require.NoError(t, err)
	seen := map[string]bool{}
	var all []string
	for _, link := range links {
		if inode, err := os.Readlink(link); err == nil && !seen[inode] {
			seen[inode] = true
			all = append(all, inode)
		}
	}
	return all
}

// processes gives those that run the binary under test.
func processes(t *testing.T) []string {
	t.Helper()
	links, err := filepath.Glob("/proc/[0-9]*/exe")
	require.NoError(t, err)
	var all []string
	for _, link := range links {
		if target, err := os.Readlink(link); err == nil && strings.HasPrefix(target, binary) {
			all = append(all, link)
		}
	}
	return all
}

func lines(t *testing.T, name string, args ...string) []string {
	t.Helper()
	out, err := exec.Command(name, args...).Output()
	require.NoError(t, err, "%s %v", name, args)
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}

func mounts(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("/proc/self/mountinfo")
	require.NoError(t, err)
	return strings.Split(strings.TrimSpace(string(text)), "\n")
}

// volatile are sysctls that change by themselves.
var volatile = []string{"fs.dentry-state", "fs.file-nr", "fs.inode", "kernel.ns_last_pid", "kernel.random.", "net.netfilter.nf_conntrack_count",
	"kernel.pty.nr", "fs.quota", "kernel.spl", "net.ipv4.tcp_fastopen_key", "kernel.perf_event_max_sample_rate", "fs.aio-nr", "net.ipv4.tcp_mem", "vm.stat"}

func sysctls(t *testing.T) []string {
	t.Helper()
	out, _ := exec.Command("sysctl", "-a").Output() // some keys cannot be read; those that can are compared
	require.NotEmpty(t, out)
	var all []string
	for line := range strings.Lines(string(out)) {
		if !slices.ContainsFunc(volatile, func(v string) bool { return strings.HasPrefix(line, v) }) {
			all = append(all, strings.TrimSpace(line))
		}
	}
	return all
}

// files gives the entries of the places where programs leave things.
func files(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, pattern := range []string{"/run/*", "/run/aeolus/*", "/run/netns/*", "/var/lib/*", "/var/lib/aeolus/*", "/var/tmp/*", "/tmp/aeolus*",
		"/etc/*", "/sys/fs/bpf/*", "/dev/shm/*"} {
		found, err := filepath.Glob(pattern)
		require.NoError(t, err)
		all = append(all, found...)
	}
	return all
}
