// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// clockTicks is the kernel's USER_HZ, which is 100 on every architecture that Go knows.
const clockTicks = 100

// ProcessCPU is the CPU time that a process and its threads have taken.
func ProcessCPU(pid int) (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, fmt.Errorf("reading the CPU time of process %d: %w", pid, err)
	}
	return parseStat(stat)
}

// parseStat reads utime and stime. The name before them is in brackets and may hold anything.
func parseStat(stat []byte) (time.Duration, error) {
	end := bytes.LastIndexByte(stat, ')')
	fields := strings.Fields(string(stat[end+1:]))
	if end < 0 || len(fields) < 13 {
		return 0, fmt.Errorf("reading the CPU time of a process: %q is not what the kernel writes", stat)
	}
	var ticks uint64
	for _, field := range fields[11:13] {
		n, err := strconv.ParseUint(field, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("reading the CPU time of a process: %w", err)
		}
		ticks += n
	}
	return time.Duration(ticks) * time.Second / clockTicks, nil
}

// CgroupCPU is the CPU time that a cgroup has taken: from cpu.stat in version 2, from cpuacct.usage in version 1.
func CgroupCPU(directory string) (time.Duration, error) {
	if text, err := os.ReadFile(filepath.Join(directory, "cpuacct.usage")); err == nil {
		nanoseconds, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("reading the CPU time of %s: %w", directory, err)
		}
		return time.Duration(nanoseconds), nil
	}
	text, err := os.ReadFile(filepath.Join(directory, "cpu.stat"))
	if err != nil {
		return 0, fmt.Errorf("reading the CPU time of %s: %w", directory, err)
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "usage_usec "); ok {
			microseconds, err := strconv.ParseInt(strings.TrimSpace(value), 10, 64)
			if err != nil {
				return 0, fmt.Errorf("reading the CPU time of %s: %w", directory, err)
			}
			return time.Duration(microseconds) * time.Microsecond, nil
		}
	}
	return 0, fmt.Errorf("reading the CPU time of %s: cpu.stat has no usage_usec", directory)
}

// CgroupMemory is what a cgroup holds in memory: anonymous, kernel and mapped pages together, as its controller counts.
func CgroupMemory(directory string) (uint64, error) {
	for _, name := range []string{"memory.current", "memory.usage_in_bytes"} {
		text, err := os.ReadFile(filepath.Join(directory, name))
		if err != nil {
			continue
		}
		bytes, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("reading the memory of %s: %w", directory, err)
		}
		return bytes, nil
	}
	return 0, fmt.Errorf("reading the memory of %s: it has no memory controller", directory)
}
