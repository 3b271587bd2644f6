// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cilium/ebpf"

	"github.com/aeolus-ebpf/aeolus/internal/kernel/meter"
)

// Program is what the kernel says about one program. Runs and Time grow only while the account is switched on.
type Program struct {
	ID   uint32
	Name string
	Runs uint64
	Time time.Duration
}

// Of gives the programs that a process holds open, in the order of their ids.
func Of(pid int) ([]Program, error) {
	ids, err := held(pid, "prog_id:")
	if err != nil {
		return nil, err
	}
	var programs []Program
	for _, id := range ids {
		program, err := read(id)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		programs = append(programs, program)
	}
	return programs, nil
}

// Named gives the programs of the host that have a name, whoever holds them.
func Named(name string) ([]Program, error) {
	var programs []Program
	id := ebpf.ProgramID(0)
	for {
		next, err := ebpf.ProgramGetNextID(id)
		if errors.Is(err, fs.ErrNotExist) {
			return programs, nil
		}
		if err != nil {
			return nil, fmt.Errorf("listing BPF programs: %w", err)
		}
		id = next
		program, err := read(uint32(id))
		if err == nil && program.Name == name {
			programs = append(programs, program)
		}
	}
}

func read(id uint32) (Program, error) {
	program, err := ebpf.NewProgramFromID(ebpf.ProgramID(id))
	if err != nil {
		return Program{}, fmt.Errorf("opening BPF program %d: %w", id, err)
	}
	defer func() { _ = program.Close() }()
	info, err := program.Info()
	if err != nil {
		return Program{}, fmt.Errorf("reading BPF program %d: %w", id, err)
	}
	said, err := program.Stats()
	if err != nil {
		return Program{}, fmt.Errorf("reading the statistics of BPF program %d: %w", id, err)
	}
	return Program{ID: id, Name: info.Name, Runs: said.RunCount, Time: said.Runtime}, nil
}

// metersMap is what bpf/meter.h calls the map that programs count themselves in.
const metersMap = "meters"

// Meter sums what the programs of a process have counted about themselves: see bpf/meter.h.
func Meter(pid int) (meter.Reading, error) {
	var sum meter.Reading
	ids, err := held(pid, "map_id:")
	if err != nil {
		return sum, err
	}
	for _, id := range ids {
		if err := addMeter(&sum, id); err != nil {
			return sum, fmt.Errorf("reading the meter of process %d: %w", pid, err)
		}
	}
	return sum, nil
}

func addMeter(sum *meter.Reading, id uint32) error {
	m, err := ebpf.NewMapFromID(ebpf.MapID(id))
	if err != nil {
		return err
	}
	defer func() { _ = m.Close() }()
	info, err := m.Info()
	if err != nil || info.Name != metersMap {
		return err
	}
	readings, err := meter.Read(m, int(m.MaxEntries()))
	if err != nil {
		return err
	}
	for _, r := range readings {
		sum.Runs += r.Runs
		sum.Time += r.Time
	}
	return nil
}

// held reads the ids that a process' open files show.
func held(pid int, field string) ([]uint32, error) {
	directory := fmt.Sprintf("/proc/%d/fdinfo", pid)
	files, err := os.ReadDir(directory)
	if err != nil {
		return nil, fmt.Errorf("listing the open files of process %d: %w", pid, err)
	}
	var ids []uint32
	for _, file := range files {
		text, err := os.ReadFile(filepath.Join(directory, file.Name()))
		if err != nil {
			continue // closed meanwhile
		}
		if id, ok := parseID(string(text), field); ok {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

func parseID(text, field string) (uint32, bool) {
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(line, field); ok {
			id, err := strconv.ParseUint(strings.TrimSpace(value), 10, 32)
			return uint32(id), err == nil && id > 0
		}
	}
	return 0, false
}
