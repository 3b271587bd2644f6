// SPDX-License-Identifier: Apache-2.0

package proof_test

import (
	"fmt"
	"os"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/probe/interp"
)

// thisThread keeps the test on one thread, and is what programs that it runs see of it.
func thisThread(t testing.TB) interp.Running {
	t.Helper()
	runtime.LockOSThread()
	running := interp.Running{}
	path, err := os.Readlink("/proc/thread-self")
	require.NoError(t, err)
	_, err = fmt.Sscanf(path, "%d/task/%d", &running.PID, &running.TID)
	require.NoError(t, err)
	name, err := os.ReadFile("/proc/thread-self/comm")
	require.NoError(t, err)
	copy(running.Comm[:15], name[:len(name)-1])
	return running
}
