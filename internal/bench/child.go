// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
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

	queryv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/query/v1"
	"github.com/aeolus-ebpf/aeolus/api/proto/aeolus/query/v1/queryv1connect"
	"github.com/aeolus-ebpf/aeolus/internal/pki"
)

// child is this program again, with its input and output.
type child struct {
	*service
	in  io.WriteCloser
	out *bufio.Reader
}

// startChild starts one on a CPU, in a group if there is one.
func startChild(cpu int, in *group, arguments ...string) (*child, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("finding this program: %w", err)
	}
	command := exec.Command(program, arguments...)
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	dieWithParent(command.SysProcAttr)
	if in != nil {
		in.enter(command)
	}
	c := &child{service: &service{command: command, said: new(bytes.Buffer), ended: make(chan struct{})}}
	command.Stderr = c.said
	if c.in, err = command.StdinPipe(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", arguments[0], err)
	}
	out, inner, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", arguments[0], err)
	}
	command.Stdout, c.out = inner, bufio.NewReader(out)
	err = startOn(cpu, command)
	_ = inner.Close()
	if err != nil {
		_ = out.Close()
		return nil, fmt.Errorf("starting %s: %w", arguments[0], err)
	}
	go func() {
		defer close(c.ended)
		_ = command.Wait()
	}()
	return c, nil
}

// ask writes a line, if there is one to write, and reads the answer.
func (c *child) ask(line string, into any) error {
	if line != "" {
		if _, err := fmt.Fprintln(c.in, line); err != nil {
			return fmt.Errorf("telling %s: %w: %s", c.command.Args[0], err, c.words())
		}
	}
	text, err := c.out.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("hearing from %s: %w: %s", filepath.Base(c.command.Path), err, c.words())
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(text, into)
}

// words are what it said of its troubles, once it has ended.
func (c *child) words() string {
	select {
	case <-c.ended:
		return strings.TrimSpace(c.said.String())
	case <-time.After(3 * time.Second):
		return "it has not ended"
	}
}

// end lets it end by itself: its input has ended.
func (c *child) end() error {
	_ = c.in.Close()
	select {
	case <-c.ended:
		if code := c.command.ProcessState.ExitCode(); code != 0 {
			return fmt.Errorf("ending %s: it ended with %d: %s", filepath.Base(c.command.Path), code, strings.TrimSpace(c.said.String()))
		}
		return nil
	case <-time.After(time.Minute):
		c.stop()
		return errors.New("ending a process of the benchmark: it did not within a minute")
	}
}

// subject is a controller in a process and a cgroup of its own, to be measured.
type subject struct {
	*child
	directory string
	group     *group
	at        listening
	query     queryClient
}

// startSubject starts a controller on a CPU, in a directory that may hold what an earlier one has kept.
func startSubject(cpu int, directory string) (_ *subject, err error) {
	if _, err := pki.OpenAuthority(filepath.Join(directory, trustDirectory)); err != nil {
		return nil, err
	}
	s := &subject{directory: directory}
	if s.group, err = newGroup("controller"); err != nil {
		return nil, err
	}
	if s.child, err = startChild(cpu, s.group, ControllerCommand, directory); err != nil {
		return nil, errors.Join(err, s.group.remove())
	}
	if err := s.ask("", &s.at); err != nil {
		s.stop()
		return nil, errors.Join(err, s.group.remove())
	}
	s.query = queryv1connect.NewQueryServiceClient(socketClient(s.at.Socket), "http://localhost")
	return s, nil
}

// close ends the controller in order.
func (s *subject) close() error { return errors.Join(s.end(), s.group.remove()) }

// cost is what it has used so far.
func (s *subject) cost() (cpu time.Duration, allocations uint64, err error) {
	var f runtimeFigures
	if err := s.ask("figures", &f); err != nil {
		return 0, 0, err
	}
	cpu, err = CgroupCPU(s.group.cpu)
	return cpu, f.Allocations, err
}

// waited is how long its threads have waited for a CPU that others had.
func (s *subject) waited() time.Duration {
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", s.command.Process.Pid))
	var sum time.Duration
	for _, file := range files {
		text, _ := os.ReadFile(file)
		if fields := strings.Fields(string(text)); len(fields) == 3 {
			nanoseconds, _ := strconv.ParseInt(fields[1], 10, 64)
			sum += time.Duration(nanoseconds)
		}
	}
	return sum
}

// resident is the memory that it has.
func (s *subject) resident() (float64, error) {
	stat, err := readStat(fmt.Sprintf("/proc/%d/status", s.command.Process.Pid))
	if err != nil {
		return 0, fmt.Errorf("reading the controller's memory: %w", err)
	}
	return stat["VmRSS"] * (1 << 10), nil
}

// lost is what the controller's stages say that they have dropped, by stage and cause.
func (s *subject) lost(ctx context.Context) (map[string]uint64, error) {
	status, err := s.query.GetStatus(ctx, &queryv1.GetStatusRequest{})
	if err != nil {
		return nil, fmt.Errorf("asking what was lost: %w", err)
	}
	lost := map[string]uint64{}
	for _, stage := range status.GetStages() {
		for reason, n := range stage.GetDropped() {
			if n > 0 {
				lost[stage.GetName()+" "+reason] += n
			}
		}
	}
	return lost, nil
}

// directoryBytes is how much room files take.
func directoryBytes(directory string) (float64, error) {
	var sum int64
	err := filepath.WalkDir(directory, func(_ string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err == nil {
			sum += info.Size()
		}
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("measuring files: %w", err)
	}
	return float64(sum), nil
}
