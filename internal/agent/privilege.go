// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// needed are the capabilities without which nothing can be loaded or attached, by the kernel's numbers. CAP_SYS_ADMIN
// stands in for the first two.
var needed = []struct {
	name      string
	bit       uint
	orAdmin   bool
	otherwise string
}{
	{"CAP_BPF", 39, true, "load programs"},
	{"CAP_PERFMON", 38, true, "read the kernel's structures"},
	{"CAP_NET_ADMIN", 12, false, "use network programs"},
}

const sysAdmin = 21

// Privileged tells whether this process has what an agent cannot do without, and if not, what is missing.
func Privileged() error {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return fmt.Errorf("reading this process' capabilities: %w", err)
	}
	return privileged(string(status))
}

func privileged(status string) error {
	var effective uint64
	for line := range strings.Lines(status) {
		digits, ok := strings.CutPrefix(line, "CapEff:")
		if !ok {
			continue
		}
		parsed, err := strconv.ParseUint(strings.TrimSpace(digits), 16, 64)
		if err != nil {
			return fmt.Errorf("reading this process' capabilities: %w", err)
		}
		effective = parsed
	}
	var missing, lost []string
	for _, capability := range needed {
		has := effective&(1<<capability.bit) != 0 || (capability.orAdmin && effective&(1<<sysAdmin) != 0)
		if !has {
			missing, lost = append(missing, capability.name), append(lost, capability.otherwise)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("the agent may not %s: run it as root, or give it %s", strings.Join(lost, ", "), strings.Join(missing, ", "))
	}
	return nil
}
