// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"fmt"
	"os/exec"
	"runtime"

	"golang.org/x/sys/unix"
)

// precedence is the nice value of what is pinned: others on the host take little from it.
const precedence = -10

// startOn starts a command whose threads all stay on one CPU, before others, from its first instruction: a child has what
// the thread has that makes it. Less than 0 leaves it where it likes to be.
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
	// Without the right to that it is measured as it is.
	raised := unix.Setpriority(unix.PRIO_PROCESS, 0, precedence) == nil
	started := command.Start()
	if raised {
		if err := unix.Setpriority(unix.PRIO_PROCESS, 0, 0); err != nil {
			return fmt.Errorf("undoing the precedence: %w", err)
		}
	}
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
