// SPDX-License-Identifier: Apache-2.0

package local

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/model"
)

// What is read of one process at most. Longer environments are searched as far as this.
const (
	maxEnviron = 128 << 10
	maxCmdline = 4 << 10
)

// process is what is known of a process. A process that had exited before it could be looked at has a comm alone.
type process struct {
	pid uint32
	// start is when it began, in ticks since boot: the number and this together are unique.
	start                  uint64
	comm, name, executable string
	description            description
	evidence               model.Evidence
	// dying tells that it had let go of its memory, with its environment, before it could be looked at.
	dying bool
	// gone is when it was found to have exited; zero while it lives.
	gone time.Time
}

// alive tells whether a process was seen, and has not been found to have exited since.
func (p *process) alive() bool { return p != nil && p.start != 0 && !p.dying && p.gone.IsZero() }

// readProcess looks at a living process, or answers os.ErrNotExist.
func readProcess(procRoot string, pid uint32) (*process, error) {
	comm, start, err := readStat(procRoot, pid)
	if err != nil {
		return nil, err
	}
	directory := filepath.Join(procRoot, strconv.FormatUint(uint64(pid), 10))
	p := &process{pid: pid, start: start, comm: clean(comm), evidence: model.EvidenceProc}
	target, err := os.Readlink(filepath.Join(directory, "exe"))
	if err == nil {
		p.executable = clean(strings.TrimSuffix(target, " (deleted)"))
	}
	p.dying = errors.Is(err, os.ErrNotExist)
	arguments := strings.Split(strings.TrimRight(readSome(filepath.Join(directory, "cmdline"), maxCmdline), "\x00"), "\x00")
	p.name = processName(p.comm, p.executable, arguments)
	p.description = parseEnvironment(readSome(filepath.Join(directory, "environ"), maxEnviron))
	return p, nil
}

// readSome reads the beginning of a file; a file that may not be read is an empty one.
func readSome(path string, limit int64) string {
	file, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer file.Close()
	text, _ := io.ReadAll(io.LimitReader(file, limit))
	return string(text)
}

// readStat gives a process's name and start.
func readStat(procRoot string, pid uint32) (comm string, start uint64, err error) {
	text, err := os.ReadFile(filepath.Join(procRoot, strconv.FormatUint(uint64(pid), 10), "stat"))
	if err != nil {
		// A process that exits between the opening and the reading is an error of another kind.
		return "", 0, fmt.Errorf("reading process %d: %w", pid, errors.Join(os.ErrNotExist, err))
	}
	return parseStat(text)
}

// parseStat reads a stat file. A process may have parentheses and blanks in its name.
func parseStat(text []byte) (comm string, start uint64, err error) {
	open, end := bytes.IndexByte(text, '('), bytes.LastIndexByte(text, ')')
	if open < 0 || end < open {
		return "", 0, errors.New("reading process: malformed stat")
	}
	fields := bytes.Fields(text[end+1:])
	const startField = 19 // the 22nd of the file; the first two are before the name's end
	if len(fields) <= startField {
		return "", 0, errors.New("reading process: short stat")
	}
	if start, err = strconv.ParseUint(string(fields[startField]), 10, 64); err != nil {
		return "", 0, fmt.Errorf("reading process: start time: %w", err)
	}
	return string(text[open+1 : end]), start, nil
}

// memberships are the paths of a process's groups: hierarchy (empty for version 2, else the controllers) → path.
type memberships map[string]string

func readMemberships(procRoot string, pid uint32) memberships {
	return parseCgroups(readSome(filepath.Join(procRoot, strconv.FormatUint(uint64(pid), 10), "cgroup"), maxEnviron))
}

// in gives the path in the hierarchy of a controller.
func (m memberships) in(controller string) string {
	if path, ok := m[controller]; ok {
		return path
	}
	for controllers, path := range m {
		if slices.Contains(strings.Split(controllers, ","), controller) {
			return path
		}
	}
	return ""
}

// parseCgroups reads a process's cgroup file: number:controllers:path.
func parseCgroups(text string) memberships {
	groups := memberships{}
	for line := range strings.Lines(text) {
		parts := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if len(parts) == 3 && strings.HasPrefix(parts[2], "/") && len(groups) < 64 {
			groups[parts[1]] = parts[2]
		}
	}
	return groups
}

// The kernel keeps this much of a name.
const maxComm = 15

// processName is what people call a process: the kernel's name for it, or the whole name of the program where the kernel
// has cut it short. A script or module is named in place of its interpreter where the command line begins with it;
// after options, which may have values of their own, it would be a guess, and the interpreter's name stays.
func processName(comm, executable string, arguments []string) string {
	base := path.Base(executable)
	if script := scriptName(base, arguments); script != "" {
		return script
	}
	if len(comm) >= maxComm && strings.HasPrefix(base, comm) {
		return base
	}
	return comm
}

// Interpreters, and the options by which they are told what to run; an empty one is for a file as the first argument.
var interpreters = [...]struct {
	prefix  string
	options []string
}{
	{"python", []string{"-m", ""}}, {"pypy", []string{"-m", ""}}, {"node", []string{""}}, {"nodejs", []string{""}},
	{"ruby", []string{""}}, {"perl", []string{""}}, {"php", []string{""}}, {"java", []string{"-jar"}},
}

func scriptName(base string, arguments []string) string {
	for _, known := range interpreters {
		version, ok := strings.CutPrefix(base, known.prefix)
		if !ok || strings.Trim(version, "0123456789.-") != "" || len(arguments) < 2 {
			continue
		}
		first := arguments[1]
		switch {
		case slices.Contains(known.options, first) && first != "" && len(arguments) > 2:
			return clean(path.Base(arguments[2]))
		case slices.Contains(known.options, "") && first != "" && !strings.HasPrefix(first, "-"):
			return clean(path.Base(first))
		}
	}
	return ""
}
