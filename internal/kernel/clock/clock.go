// SPDX-License-Identifier: Apache-2.0

// Package clock reads the clock that the kernel's programs stamp their records with.
package clock

import "golang.org/x/sys/unix"

// Monotonic returns CLOCK_MONOTONIC in nanoseconds, as bpf_ktime_get_ns does.
func Monotonic() uint64 {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		// The clock exists on every kernel, and the pointer is ours.
		panic("reading CLOCK_MONOTONIC: " + err.Error())
	}
	return uint64(now.Nano())
}
