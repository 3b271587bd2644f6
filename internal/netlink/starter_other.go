// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package netlink

import "os/exec"

// Starter starts processes in namespaces; there are none on this system.
type Starter struct{}

// NewStarter answers ErrUnsupported.
func NewStarter() (*Starter, error) { return nil, ErrUnsupported }

// Start answers ErrUnsupported.
func (*Starter) Start(*Namespace, *exec.Cmd) error { return ErrUnsupported }

// Close does nothing.
func (*Starter) Close() {}
