// SPDX-License-Identifier: Apache-2.0

package query

import (
	"fmt"

	"connectrpc.com/connect"
)

// invalid says what is wrong with a question.
func invalid(format string, values ...any) error {
	return connect.NewError(connect.CodeInvalidArgument, fmt.Errorf(format, values...))
}

// unknown says that what was asked for is not there.
func unknown(format string, values ...any) error {
	return connect.NewError(connect.CodeNotFound, fmt.Errorf(format, values...))
}
