// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/kernel/stats"
	"github.com/aeolus-ebpf/aeolus/internal/netlink"
)

// packages are where the programs that benchmarks use come from, by Debian's names.
var packages = map[string]string{
	"wrk": "wrk", "nginx": "nginx", "iperf3": "iperf3", "ss": "iproute2", "conntrack": "conntrack", "nft": "nftables",
	"bpftrace": "bpftrace", "clang-14": "clang-14",
}

// needPrograms checks that programs are there, and says which packages to install if not.
func needPrograms(names ...string) error {
	var missing []string
	for _, name := range names {
		if _, err := findProgram(name); err != nil {
			missing = append(missing, packages[name])
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("looking for programs: not installed: %s (apt-get install %s)", strings.Join(missing, ", "), strings.Join(missing, " "))
	}
	return nil
}

// findProgram looks where a user's PATH often does not, too.
func findProgram(name string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	return exec.LookPath("/usr/sbin/" + name)
}

// service is a program that runs beside the measurement.
type service struct {
	command *exec.Cmd
	said    *bytes.Buffer
	ended   chan struct{}
}

// serve starts a program in a namespace, and in a group if there is one.
func serve(namespace *netlink.Namespace, in *group, command *exec.Cmd) (*service, error) {
	s := &service{command: command, said: new(bytes.Buffer), ended: make(chan struct{})}
	command.Stderr = s.said
	if command.SysProcAttr == nil {
		command.SysProcAttr = &syscall.SysProcAttr{}
	}
	// The terminal's Ctrl-C is for the benchmark, which then ends its programs in order.
	command.SysProcAttr.Setpgid = true
	dieWithParent(command.SysProcAttr)
	if in != nil {
		in.enter(command)
	}
	if err := namespace.Start(command); err != nil {
		return nil, fmt.Errorf("starting %s: %w", command.Path, err)
	}
	go func() {
		defer close(s.ended)
		_ = command.Wait()
	}()
	return s, nil
}

// answers waits until something listens at an address.
func (s *service) answers(ctx context.Context, namespace *netlink.Namespace, address string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for {
		err := namespace.Do(func() error {
			connection, err := net.DialTimeout("tcp", address, time.Second)
			if err != nil {
				return err
			}
			return connection.Close()
		})
		if err == nil {
			return nil
		}
		select {
		case <-s.ended:
			return fmt.Errorf("starting %s: it has ended: %s", s.command.Path, strings.TrimSpace(s.said.String()))
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w", address, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// stop ends the program, by its id.
func (s *service) stop() {
	_ = s.command.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.ended:
	case <-time.After(3 * time.Second):
		_ = s.command.Process.Kill()
		<-s.ended
	}
}

// runProgram runs one to its end in a namespace, and in a group if there is one. It gives the CPU time that it took.
func runProgram(namespace *netlink.Namespace, in *group, command *exec.Cmd, out io.Writer) (time.Duration, error) {
	var problem bytes.Buffer
	command.Stdout, command.Stderr = out, &problem
	if command.SysProcAttr == nil {
		command.SysProcAttr = &syscall.SysProcAttr{}
	}
	dieWithParent(command.SysProcAttr)
	name := command.Path
	if in != nil {
		in.enter(command)
	}
	if err := namespace.Start(command); err != nil {
		return 0, fmt.Errorf("starting %s: %w", name, err)
	}
	err := command.Wait()
	if err != nil {
		return 0, fmt.Errorf("running %s: %w: %s", name, err, strings.TrimSpace(problem.String()))
	}
	return command.ProcessState.UserTime() + command.ProcessState.SystemTime(), nil
}

// quiet refuses to measure while somebody has every BPF run timed: the sysctl does not show all who can.
func quiet() error {
	on, err := stats.Enabled()
	if err != nil {
		return err
	}
	if on {
		return fmt.Errorf("%w (by bpftool, bpftrace or another benchmark, as long as that runs)", ErrStatistics)
	}
	return nil
}

// pause waits, unless the context ends.
func pause(ctx context.Context, howLong time.Duration) error {
	timer := time.NewTimer(howLong)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// loadNote says how busy the host was: what others do makes figures worse, never better.
func loadNote() string {
	text, err := os.ReadFile("/proc/loadavg")
	fields := strings.Fields(string(text))
	if err != nil || len(fields) < 1 {
		return "load average unknown"
	}
	return "load average " + fields[0]
}

// closers are ended in reverse.
type closers []func() error

func (c *closers) add(f func() error) { *c = append(*c, f) }

func (c *closers) close() error {
	var errs []error
	for i := len(*c) - 1; i >= 0; i-- {
		errs = append(errs, (*c)[i]())
	}
	*c = nil
	return errors.Join(errs...)
}

// interrupted gives the context's end instead of what came of it: a program that was killed for it has not failed.
func interrupted(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}
