// SPDX-License-Identifier: Apache-2.0

package up

import (
	"errors"
	"fmt"
	"runtime/debug"
)

// ErrPanic is wrapped by the error that a role's panic becomes, so that the others can end in order.
var ErrPanic = errors.New("a defect in Aeolus")

// guarded runs one role and says which one an error came from.
func guarded(role string, run func() error) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("running the %s: %w: panic: %v\n%s", role, ErrPanic, cause, debug.Stack())
		}
	}()
	if err := run(); err != nil {
		return fmt.Errorf("running the %s: %w", role, err)
	}
	return nil
}
