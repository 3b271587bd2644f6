// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package bench

import "os/exec"

// startOn starts a command: there is no pinning here.
func startOn(_ int, command *exec.Cmd) error { return command.Start() }

// pinnable says that nothing can be pinned.
func pinnable() (sender, controller int) { return -1, -1 }
