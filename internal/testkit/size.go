// SPDX-License-Identifier: Apache-2.0

package testkit

import (
	"os"
	"testing"
)

// sizeVariable chooses how long the long proofs take: "small", which is also what an empty one means, or "full".
const sizeVariable = "AEOLUS_SIZE"

// Full says whether the long proofs are to be run in full.
func Full() bool { return os.Getenv(sizeVariable) == "full" }

// Size is the chosen size, "small" or "full"; any other value fails the test.
func Size(t testing.TB) string {
	t.Helper()
	switch size := os.Getenv(sizeVariable); size {
	case "", "small":
		return "small"
	case "full":
		return size
	default:
		t.Fatalf("%s is %q, expected small or full", sizeVariable, size)
		return ""
	}
}
