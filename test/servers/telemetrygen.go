// SPDX-License-Identifier: Apache-2.0

package servers

import (
	"path/filepath"
	"testing"
)

// Telemetrygen is the path of OpenTelemetry's generator of logs, metrics and traces.
func Telemetrygen(t testing.TB) string {
	t.Helper()
	return filepath.Join(Programs(t, TelemetrygenModule), "telemetrygen")
}

// Suite is the path of the compliance suite's tests for receivers of remote write.
func Suite(t testing.TB) string {
	t.Helper()
	return filepath.Join(Programs(t, ComplianceModule), "suite.test")
}
