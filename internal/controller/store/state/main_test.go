// SPDX-License-Identifier: Apache-2.0

package state_test

import (
	"flag"
	"os"
	"testing"

	"go.uber.org/goleak"
)

var update = flag.Bool("update", false, "write the golden databases that are not there yet")

// TestMain plays the other process where a test needs one.
func TestMain(m *testing.M) {
	if role := os.Getenv("AEOLUS_STATE_ROLE"); role != "" {
		os.Exit(play(role, os.Getenv("AEOLUS_STATE_DIR")))
	}
	goleak.VerifyTestMain(m)
}
