// SPDX-License-Identifier: Apache-2.0

package feature

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// capabilityBits are the numbers of the capabilities that the table asks for (linux/capability.h).
var capabilityBits = map[string]int{
	CapabilityNet:   unix.CAP_NET_ADMIN,
	CapabilityPeek:  unix.CAP_SYS_PTRACE,
	CapabilityAdmin: unix.CAP_SYS_ADMIN,
	CapabilityLimit: unix.CAP_SYS_RESOURCE,
	CapabilityTrace: unix.CAP_PERFMON,
	CapabilityBPF:   unix.CAP_BPF,
}

func probeCapability(b *bench, name string) (string, error) {
	effective, err := effectiveCapabilities(b.config.ProcRoot)
	if err != nil {
		// Not knowing is not a no.
		return "", fmt.Errorf("%w: %w", errUnmounted, err)
	}
	if effective&(1<<capabilityBits[name]) == 0 {
		return "", errNotHeld
	}
	return "", nil
}

// privileges says whether this process has the capabilities that the kernel documents for what the trials do, and
// whether it has the one that stands for all.
func privileges(procRoot string) (privileged, administrator bool) {
	effective, err := effectiveCapabilities(procRoot)
	if err != nil {
		return false, false
	}
	has := func(bit int) bool { return effective&(1<<bit) != 0 }
	administrator = has(unix.CAP_SYS_ADMIN)
	return administrator || has(unix.CAP_BPF) && has(unix.CAP_PERFMON) && has(unix.CAP_NET_ADMIN), administrator
}

func effectiveCapabilities(procRoot string) (uint64, error) {
	status, err := os.ReadFile(filepath.Join(procRoot, "self/status"))
	if err != nil {
		return 0, fmt.Errorf("reading own capabilities: %w", err)
	}
	for line := range strings.Lines(string(status)) {
		if mask, ok := strings.CutPrefix(line, "CapEff:"); ok {
			return strconv.ParseUint(strings.TrimSpace(mask), 16, 64)
		}
	}
	return 0, errors.New("reading own capabilities: no CapEff line")
}

// mount is one line of a mount table.
type mount struct{ kind, point string }

// parseMounts reads the format of /proc/PID/mountinfo: the mount point is the fifth field, with blanks escaped, and the
// type is the first after a lone dash.
func parseMounts(table io.Reader) ([]mount, error) {
	var mounts []mount
	lines := bufio.NewScanner(table)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		dash := slices.Index(fields, "-")
		if dash < 5 || dash+1 >= len(fields) {
			continue
		}
		mounts = append(mounts, mount{kind: fields[dash+1], point: unescape.Replace(fields[4])})
	}
	return mounts, lines.Err()
}

var unescape = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)

func (b *bench) mounts() ([]mount, error) {
	file, err := os.Open(filepath.Join(b.config.ProcRoot, "self/mountinfo"))
	if err != nil {
		return nil, fmt.Errorf("%w: opening the mount table: %w", errUnmounted, err)
	}
	defer file.Close()
	return parseMounts(file)
}

func (b *bench) cgroup2Root() (string, error) {
	if b.config.Cgroup2Root != "" {
		return b.config.Cgroup2Root, nil
	}
	mounts, err := b.mounts()
	if err != nil {
		return "", err
	}
	for _, mount := range mounts {
		if mount.kind == "cgroup2" {
			return mount.point, nil
		}
	}
	return "", fmt.Errorf("cgroup2 file system: %w", errUnmounted)
}

func probeCgroup2(b *bench) (string, error) {
	root, err := b.cgroup2Root()
	if errors.Is(err, errUnmounted) {
		return "", fmt.Errorf("%w: no cgroup2 file system is mounted", errState)
	}
	return root, err
}

// probeCgroup2Alone says no on hybrid and on v1 hosts, and which of them it is.
func probeCgroup2Alone(b *bench) (string, error) {
	mounts, err := b.mounts()
	if err != nil {
		return "", err
	}
	var unified, legacy bool
	for _, mount := range mounts {
		unified = unified || mount.kind == "cgroup2"
		legacy = legacy || mount.kind == "cgroup"
	}
	switch {
	case unified && legacy:
		return "hybrid", fmt.Errorf("%w: v1 hierarchies are mounted beside v2", errState)
	case legacy:
		return "v1", fmt.Errorf("%w: only v1 hierarchies are mounted", errState)
	case unified:
		return "v2", nil
	default:
		return "none", fmt.Errorf("%w: no cgroup file system is mounted", errState)
	}
}

// probeNotLockedDown reads the mode in brackets.
func probeNotLockedDown(*bench) (string, error) {
	text, err := os.ReadFile("/sys/kernel/security/lockdown")
	if errors.Is(err, fs.ErrNotExist) {
		if _, statErr := os.Stat("/sys/kernel/security/lsm"); statErr == nil {
			return "", nil // securityfs is there, and the kernel was built without lockdown
		}
		return "", fmt.Errorf("securityfs at /sys/kernel/security: %w", errUnmounted)
	}
	if err != nil {
		return "", fmt.Errorf("reading the lockdown mode: %w", err)
	}
	mode := bracketed(string(text))
	if mode != "none" {
		return mode, fmt.Errorf("%w: lockdown is in %s mode", errState, mode)
	}
	return mode, nil
}

// bracketed is the chosen word of a line such as "none [integrity] confidentiality".
func bracketed(line string) string {
	_, rest, found := strings.Cut(line, "[")
	word, _, closed := strings.Cut(rest, "]")
	if !found || !closed {
		return strings.TrimSpace(line)
	}
	return word
}

// probeStatisticsOff runs a program once and looks whether the kernel timed it: whoever switched the statistics on, and
// by whichever of the two ways, they are seen.
func probeStatisticsOff(b *bench) (string, error) {
	program, err := b.load(&ebpf.ProgramSpec{Type: ebpf.SocketFilter, Instructions: answer(0)})
	if err != nil {
		return "", err
	}
	defer program.Close()
	if _, err := program.Run(&ebpf.RunOptions{Data: make([]byte, 64)}); err != nil {
		return "", fmt.Errorf("running a program: %w", err)
	}
	statistics, err := program.Stats()
	if err != nil {
		return "", fmt.Errorf("reading a program's statistics: %w", err)
	}
	if statistics.RunCount > 0 {
		return "", fmt.Errorf("%w: somebody has switched them on (kernel.bpf_stats_enabled, or BPF_ENABLE_STATS)",
			errState)
	}
	return "", nil
}

// tracefs is where events are described.
func tracefs() (string, error) {
	for _, place := range []string{"/sys/kernel/tracing", "/sys/kernel/debug/tracing"} {
		_, err := os.Stat(filepath.Join(place, "events"))
		if err == nil {
			return place, nil
		}
		if errors.Is(err, fs.ErrPermission) {
			return "", fmt.Errorf("%w: looking for tracefs: %w", ErrPermission, err)
		}
	}
	return "", fmt.Errorf("tracefs at /sys/kernel/tracing: %w", errUnmounted)
}

func probeTracefs(*bench) (string, error) {
	place, err := tracefs()
	if errors.Is(err, errUnmounted) {
		return "", fmt.Errorf("%w: mount -t tracefs tracefs /sys/kernel/tracing", errState)
	}
	return place, err
}
