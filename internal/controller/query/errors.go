// SPDX-License-Identifier: Apache-2.0

package query

import (
	"errors"
	"fmt"

	"connectrpc.com/connect"
)

// invalid says what is wrong with a question.
func invalid(format string, values ...any) error {
	return connect.NewError(connect.CodeInvalidArgument, fmt.Errorf(format, values...))
}

// nothingKept says that only what is in memory can be asked for.
func nothingKept() error {
	return connect.NewError(connect.CodeFailedPrecondition, errors.New("this controller keeps nothing on disk: only what is in memory can be asked for, without a time"))
}

// unknown says that what was asked for is not there.
func unknown(format string, values ...any) error {
	return connect.NewError(connect.CodeNotFound, fmt.Errorf(format, values...))
}

// refused says that something cannot be done as things are.
func refused(format string, values ...any) error {
	return connect.NewError(connect.CodeFailedPrecondition, fmt.Errorf(format, values...))
}
