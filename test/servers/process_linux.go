// SPDX-License-Identifier: Apache-2.0

package servers

import (
	"os/exec"
	"syscall"
)

// endWithParent makes a child die with the test that started it, however that dies.
func endWithParent(command *exec.Cmd) {
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
