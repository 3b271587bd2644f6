// SPDX-License-Identifier: Apache-2.0

package proof_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"testing"
	"unsafe"

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

// processMemory is memory of this process that programs read texts from.
type processMemory struct {
	content []byte
	memory  *interp.Segments
}

func newProcessMemory() *processMemory {
	p := &processMemory{content: make([]byte, 4096), memory: &interp.Segments{}}
	for at := 0; at < len(p.content); {
		at += copy(p.content[at:], words[at%len(words)]) + 1
	}
	p.memory.Put(p.address(), p.content)
	return p
}

// address stays the same: large slices are on the heap, and what is there is not moved.
func (p *processMemory) address() uint64 {
	return uint64(uintptr(unsafe.Pointer(unsafe.SliceData(p.content))))
}

func (p *processMemory) pointer(random *rand.Rand) uint64 {
	switch random.IntN(8) {
	case 0:
		return 0
	case 1:
		return 0x10
	}
	return p.address() + random.Uint64N(4000)
}
