// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if os.Getenv(writerVariable) != "" {
		os.Exit(writeUntilKilled())
	}
	goleak.VerifyTestMain(m)
}
