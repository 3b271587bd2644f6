// SPDX-License-Identifier: Apache-2.0

package cli

import "fmt"

// progress says on a terminal what is being done; the line is written over by the next.
func (a *app) progress(format string, args ...any) {
	if _, ok := terminal(a.Err); ok {
		fmt.Fprintf(a.Err, "\r\x1b[K"+format+" …", args...)
	}
}

// progressDone takes the line away.
func (a *app) progressDone() {
	if _, ok := terminal(a.Err); ok {
		fmt.Fprint(a.Err, "\r\x1b[K")
	}
}
