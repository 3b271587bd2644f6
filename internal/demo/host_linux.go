// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

// isolate makes a command's process die with this one and live in a control group of its own. What it opened for that
// is released once the command was started.
func isolate(command *exec.Cmd, cgroup string) (release func(), err error) {
	command.SysProcAttr = &syscall.SysProcAttr{
		Pdeathsig: syscall.SIGKILL,
		// A Ctrl-C at the terminal is for the shop, which then ends its instances in order.
		Setpgid: true,
	}
	if cgroup == "" {
		return func() {}, nil
	}
	if err := os.MkdirAll(cgroup, 0o755); err != nil {
		return nil, fmt.Errorf("making control group: %w", err)
	}
	directory, err := os.Open(cgroup)
	if err != nil {
		return nil, fmt.Errorf("opening control group: %w", err)
	}
	command.SysProcAttr.UseCgroupFD = true
	command.SysProcAttr.CgroupFD = int(directory.Fd())
	return func() { _ = directory.Close() }, nil
}

// lockFile takes the file's lock, which goes with the process however it ends; ErrRunning if another process has it.
func lockFile(file *os.File) error {
	err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return ErrRunning
	}
	return err
}
