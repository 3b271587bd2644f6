// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package measure

import (
	"errors"
	"time"
)

// Attached is a program on a hook.
type Attached struct{}

// Attach puts a program on a hook.
func Attach(Hook, Body, Place) (*Attached, error) { return nil, ErrUnsupported }

// Missing tells whether an error of Attach says that there is no such hook.
func Missing(err error) bool { return errors.Is(err, ErrUnsupported) }

// ID is the program's number in the kernel.
func (*Attached) ID() (uint32, error) { return 0, ErrUnsupported }

// Hits is how often a counting program has run.
func (*Attached) Hits() (uint64, error) { return 0, ErrUnsupported }

// Walk lets an iterator walk.
func (*Attached) Walk() (time.Duration, error) { return 0, ErrUnsupported }

// Close takes the program off its hook.
func (*Attached) Close() error { return nil }
