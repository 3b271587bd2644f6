// SPDX-License-Identifier: Apache-2.0

// Package defect turns a panic into an error, so that whoever runs a part can end the others in order: what is in the
// kernel leaves it, children and sockets go, and one message says what happened.
package defect

import (
	"errors"
	"fmt"
	"runtime/debug"
)

// ErrPanic is wrapped by the error that a panic becomes.
var ErrPanic = errors.New("a defect in Aeolus")

// Guard runs a function and gives its error, or the panic that ended it.
func Guard(run func() error) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("%w: panic: %v\n%s", ErrPanic, cause, debug.Stack())
		}
	}()
	return run()
}

// Group runs functions side by side; see golang.org/x/sync/errgroup.
type Group interface {
	Go(run func() error)
}

// Go runs a function in a group, guarded.
func Go(group Group, run func() error) {
	group.Go(func() error { return Guard(run) })
}
