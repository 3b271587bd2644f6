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

	"github.com/aeolus-ebpf/aeolus/internal/units"
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

// groupPrefix begins the names of all cgroups and directories made here; the process that made one follows.
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

// newUnifiedGroup makes one in the version 2 hierarchy alone, which is where programs are attached to cgroups; nil where
// none is mounted.
func newUnifiedGroup(name string) (*group, error) {
	file, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("making a cgroup: %w", err)
	}
	defer func() { _ = file.Close() }()
	places, err := findHierarchies(file)
	if err != nil || places.v2 == "" {
		return nil, err
	}
	g := &group{cpu: filepath.Join(places.v2, fmt.Sprintf("%s%d-%s", groupPrefix, os.Getpid(), name))}
	removeLeftGroups(places.v2)
	if err := os.Mkdir(g.cpu, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return nil, fmt.Errorf("making a cgroup: %w", err)
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
func removeLeftGroups(root string) { removeLeft(root, os.Remove) }

// workDirectory makes a directory for files. What a benchmark that was killed has left is removed first.
func workDirectory() (string, error) {
	removeLeft(os.TempDir(), os.RemoveAll)
	directory, err := os.MkdirTemp("", fmt.Sprintf("%s%d-", groupPrefix, os.Getpid()))
	if err != nil {
		return "", fmt.Errorf("making a directory: %w", err)
	}
	return directory, nil
}

// removeLeft removes what bears the number of a process that has gone.
func removeLeft(root string, remove func(string) error) {
	left, _ := filepath.Glob(filepath.Join(root, groupPrefix+"*-*"))
	for _, path := range left {
		maker, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(path), groupPrefix), "-")
		pid, err := strconv.Atoi(maker)
		if err != nil {
			continue
		}
		if _, err := os.Stat(fmt.Sprintf("/proc/%d", pid)); errors.Is(err, os.ErrNotExist) {
			_ = remove(path)
		}
	}
}

// memory is what a group holds, in the words of the budget.
type memory struct {
	// Anonymous pages, and the kernel's, in which BPF maps and what they keep for sockets are, by the cgroup's account.
	anonymous, kernel float64
	// Mapped pages of files. A cgroup counts those that it was first to read, so this is what the process has mapped.
	mapped float64
	// by says which account that is.
	by string
}

func (m memory) sum() float64 { return m.anonymous + m.kernel + m.mapped }

func (m memory) String() string {
	return fmt.Sprintf("anonymous %s, kernel %s (%s), mapped %s", units.Bytes(m.anonymous), units.Bytes(m.kernel), m.by, units.Bytes(m.mapped))
}

// held reads what the group holds; pid is its only process.
func (g *group) held(pid int) (memory, error) {
	if g.memory == "" {
		return memory{}, errors.New("reading a cgroup's memory: no memory controller is mounted")
	}
	stat, err := readStat(filepath.Join(g.memory, "memory.stat"))
	if err != nil {
		return memory{}, fmt.Errorf("reading a cgroup's memory: %w", err)
	}
	process, err := readStat(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return memory{}, fmt.Errorf("reading the memory of process %d: %w", pid, err)
	}
	const kilobyte = 1 << 10
	held := memory{mapped: (process["RssFile"] + process["RssShmem"]) * kilobyte}
	if kernel, ok := stat["kernel"]; ok {
		held.anonymous, held.kernel, held.by = stat["anon"], kernel, "cgroup v2"
		return held, nil
	}
	kernel, err := os.ReadFile(filepath.Join(g.memory, "memory.kmem.usage_in_bytes"))
	if err == nil {
		held.kernel, err = strconv.ParseFloat(strings.TrimSpace(string(kernel)), 64)
	}
	if err != nil {
		return memory{}, fmt.Errorf("reading a cgroup's memory: %w", err)
	}
	held.anonymous, held.by = stat["rss"], "cgroup v1"
	return held, nil
}

// readStat reads lines of a name and a number, whatever is between and behind.
func readStat(path string) (map[string]float64, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	numbers := map[string]float64{}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		if number, err := strconv.ParseFloat(fields[1], 64); err == nil {
			numbers[strings.TrimSuffix(fields[0], ":")] = number
		}
	}
	return numbers, nil
}
