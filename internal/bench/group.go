// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// hierarchies are where the host's cgroups can be made; what there is not is empty.
type hierarchies struct {
	v2, cpuacct, memory string
}

// findHierarchies reads them from a process' mountinfo. Version 1 controllers come before version 2, which has none where
// both are mounted.
func findHierarchies(mountinfo io.Reader) (hierarchies, error) {
	var found hierarchies
	lines := bufio.NewScanner(mountinfo)
	for lines.Scan() {
		before, after, ok := strings.Cut(lines.Text(), " - ")
		fields, super := strings.Fields(before), strings.Fields(after)
		if !ok || len(fields) < 5 || len(super) < 3 {
			continue
		}
		switch super[0] {
		case "cgroup2":
			found.v2 = fields[4]
		case "cgroup":
			for option := range strings.SplitSeq(super[2], ",") {
				switch option {
				case "cpuacct":
					found.cpuacct = fields[4]
				case "memory":
					found.memory = fields[4]
				}
			}
		}
	}
	if err := lines.Err(); err != nil {
		return found, fmt.Errorf("reading the mounted cgroups: %w", err)
	}
	if found.cpuacct == "" {
		found.cpuacct = found.v2
	}
	if found.memory == "" {
		found.memory = found.v2
	}
	if found.cpuacct == "" {
		return found, errors.New("finding a place for cgroups: none are mounted, and CPU time is accounted by them")
	}
	return found, nil
}

// groupPrefix begins the names of all cgroups made here; the process that made one follows.
const groupPrefix = "aeolus-bench-"

// group is a cgroup whose processes are accounted for together.
type group struct {
	cpu, memory string
}

// newGroup makes one. What a benchmark that was killed has left is removed first.
func newGroup(name string) (*group, error) {
	file, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("making a cgroup: %w", err)
	}
	defer func() { _ = file.Close() }()
	places, err := findHierarchies(file)
	if err != nil {
		return nil, err
	}
	name = fmt.Sprintf("%s%d-%s", groupPrefix, os.Getpid(), name)
	g := &group{cpu: filepath.Join(places.cpuacct, name)}
	if places.memory != "" {
		g.memory = filepath.Join(places.memory, name)
	}
	for _, directory := range g.directories() {
		removeLeftGroups(filepath.Dir(directory))
		if err := os.Mkdir(directory, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
			return nil, errors.Join(fmt.Errorf("making a cgroup: %w", err), g.remove())
		}
	}
	return g, nil
}

func (g *group) directories() []string {
	if g.memory == "" || g.memory == g.cpu {
		return []string{g.cpu}
	}
	return []string{g.cpu, g.memory}
}

// enter makes the command begin its life in the group, through a shell that becomes it: what it allocates first counts too.
func (g *group) enter(command *exec.Cmd) {
	const script = `while [ "$1" != -- ]; do echo $$ > "$1/cgroup.procs" || exit 125; shift; done; shift; exec "$@"`
	arguments := append([]string{"/bin/sh", "-c", script, "sh"}, g.directories()...)
	command.Args = append(append(arguments, "--", command.Path), command.Args[1:]...)
	command.Path = "/bin/sh"
	if command.SysProcAttr == nil {
		command.SysProcAttr = &syscall.SysProcAttr{}
	}
	dieWithParent(command.SysProcAttr)
}

// remove removes the group once its last process has gone.
func (g *group) remove() error {
	var errs []error
	for _, directory := range g.directories() {
		errs = append(errs, removeGroup(directory, 5*time.Second))
	}
	return errors.Join(errs...)
}

func removeGroup(directory string, patience time.Duration) error {
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		err := os.Remove(directory)
		if err == nil || errors.Is(err, os.ErrNotExist) {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("removing a cgroup: %w", err)
		}
	}
}

// removeLeftGroups removes empty groups whose maker has gone.
func removeLeftGroups(root string) {
	left, _ := filepath.Glob(filepath.Join(root, groupPrefix+"*"))
	for _, directory := range left {
		maker, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(directory), groupPrefix), "-")
		pid, err := strconv.Atoi(maker)
		if err != nil {
			continue
		}
		if _, err := os.Stat(fmt.Sprintf("/proc/%d", pid)); errors.Is(err, os.ErrNotExist) {
			_ = os.Remove(directory)
		}
	}
}

// held is what the group holds in memory, in the words of the budget: anonymous, mapped, and the kernel's, in which BPF maps
// and what they keep for sockets are. With says by which version of cgroups.
func (g *group) held() (bytes float64, with string, err error) {
	if g.memory == "" {
		return 0, "", errors.New("reading a cgroup's memory: no memory controller is mounted")
	}
	stat, err := readStat(filepath.Join(g.memory, "memory.stat"))
	if err != nil {
		return 0, "", fmt.Errorf("reading a cgroup's memory: %w", err)
	}
	if kernel, ok := stat["kernel"]; ok {
		return stat["anon"] + stat["file_mapped"] + kernel, "cgroup v2: anon + file_mapped + kernel", nil
	}
	kernel, err := os.ReadFile(filepath.Join(g.memory, "memory.kmem.usage_in_bytes"))
	if err != nil {
		return 0, "", fmt.Errorf("reading a cgroup's memory: %w", err)
	}
	inKernel, err := strconv.ParseFloat(strings.TrimSpace(string(kernel)), 64)
	if err != nil {
		return 0, "", fmt.Errorf("reading a cgroup's memory: %w", err)
	}
	return stat["rss"] + stat["mapped_file"] + inKernel, "cgroup v1: rss + mapped_file + kmem", nil
}

// readStat reads lines of a name and a number.
func readStat(path string) (map[string]float64, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	numbers := map[string]float64{}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if number, err := strconv.ParseFloat(value, 64); err == nil {
			numbers[name] = number
		}
	}
	return numbers, nil
}
