// SPDX-License-Identifier: Apache-2.0

package netlink

import (
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

// A process lives while threads that others locked come and go.
func TestStarterOutlivesOtherThreads(t *testing.T) {
	testkit.RequireRoot(t)
	namespace, err := New()
	require.NoError(t, err)
	defer func() { require.NoError(t, namespace.Close()) }()
	starter, err := NewStarter()
	require.NoError(t, err)

	var output strings.Builder
	command := exec.Command("readlink", "/proc/self/ns/net")
	command.Stdout = &output
	require.NoError(t, starter.Start(namespace, command))
	require.NoError(t, command.Wait())
	require.Equal(t, "net:["+strings.TrimPrefix(namespace.String(), "netns-")+"]\n", output.String())

	sleeper := exec.Command("sleep", "600")
	sleeper.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	require.NoError(t, starter.Start(namespace, sleeper))
	for range 50 {
		endThreads(8)
	}
	require.NoError(t, sleeper.Process.Signal(syscall.Signal(0)), "the process was killed with a thread")

	require.NoError(t, sleeper.Process.Signal(syscall.SIGTERM))
	require.ErrorContains(t, sleeper.Wait(), "terminated", "what ends the process is what it was sent")
	starter.Close()
	require.ErrorContains(t, starter.Start(namespace, exec.Command("true")), "closed")
	starter.Close()
}

// endThreads makes several threads end at once.
func endThreads(count int) {
	var locked, ended sync.WaitGroup
	locked.Add(count)
	for range count {
		ended.Go(func() {
			runtime.LockOSThread()
			locked.Done()
			locked.Wait()
		})
	}
	ended.Wait()
}
