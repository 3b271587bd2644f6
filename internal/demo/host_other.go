// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package demo

import (
	"os"
	"os/exec"

	"github.com/aeolus-ebpf/aeolus/internal/netlink"
)

// isolate says that this system cannot; New has said so before.
func isolate(*exec.Cmd, string) (func(), error) { return nil, netlink.ErrUnsupported }

// lockFile says that this system cannot; New has said so before.
func lockFile(*os.File) error { return netlink.ErrUnsupported }
