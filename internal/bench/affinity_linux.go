// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"fmt"
	"os/exec"
	"runtime"

	"golang.org/x/sys/unix"
)

// startOn starts a command whose threads all stay on one CPU, from its first instruction: a child has what the thread has
// that makes it. Less than 0 leaves it where it likes to be.
func startOn(cpu int, command *exec.Cmd) error {
	if cpu < 0 {
		return command.Start()
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before, one unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		return fmt.Errorf("reading on which CPUs this may run: %w", err)
	}
	one.Set(cpu)
	if err := unix.SchedSetaffinity(0, &one); err != nil {
		return fmt.Errorf("pinning to CPU %d: %w", cpu, err)
	}
	started := command.Start()
	if err := unix.SchedSetaffinity(0, &before); err != nil {
		return fmt.Errorf("undoing the pinning to CPU %d: %w", cpu, err)
	}
	return started
}

// pinnable are two CPUs that this may run on, for the sender and for the controller; -1 where there are not two.
func pinnable() (sender, controller int) {
	var all unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		return -1, -1
	}
	var found []int
	for cpu := 0; cpu < len(all)*64 && len(found) < 2; cpu++ {
		if all.IsSet(cpu) {
			found = append(found, cpu)
		}
	}
	if len(found) < 2 {
		return -1, -1
	}
	return found[0], found[1]
}
