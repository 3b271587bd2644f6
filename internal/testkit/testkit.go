// SPDX-License-Identifier: Apache-2.0

// Package testkit holds what tests of several rooms share: preconditions, deadlines and namespaces.
package testkit

import (
	"os"
	"testing"
	"time"
)

// RequireRoot skips a test that needs privileges where there are none. The suite is run as root by `make test`, which
// fails when such a test was skipped.
func RequireRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: run make test")
	}
}

// Eventually polls a condition until it holds, and fails the test with what it said last when the deadline passes. The
// condition returns an empty string when it holds, else what is still missing.
func Eventually(t testing.TB, deadline time.Duration, condition func() string) {
	t.Helper()
	end := time.Now().Add(deadline)
	for {
		missing := condition()
		if missing == "" {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("after %s: %s", deadline, missing)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
