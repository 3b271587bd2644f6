// SPDX-License-Identifier: Apache-2.0

package load

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// membarrierGlobal is MEMBARRIER_CMD_GLOBAL: it returns after a grace period.
const membarrierGlobal = 1

// Settle waits until every run of a program that was detached has ended. Where the kernel offers no way to wait for that, it
// does not: such a run takes microseconds.
func Settle() error {
	_, _, errno := unix.Syscall(unix.SYS_MEMBARRIER, membarrierGlobal, 0, 0)
	switch errno {
	case 0, unix.ENOSYS, unix.EINVAL, unix.EPERM:
		return nil
	}
	return fmt.Errorf("waiting for programs that are running: %w", errno)
}
