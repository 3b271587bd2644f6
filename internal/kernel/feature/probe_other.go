// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package feature

import (
	"context"
	"errors"
)

// Probe reports that there is nothing to try: the kernel is not Linux.
func Probe(context.Context, Config) []Feature {
	return []Feature{{
		Name:    BTF,
		Group:   Hook,
		Verdict: No,
		Err:     errors.ErrUnsupported,
		Without: "The agent needs Linux; the controller and the command line work here.",
	}}
}

// Try reports that there is nothing to try.
func Try(_ context.Context, _ Config, name string) Feature {
	return Feature{Name: name, Verdict: No, Err: errors.ErrUnsupported}
}
