// SPDX-License-Identifier: Apache-2.0

package servers

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// debian gives the path of a program that one of Debian's packages brings. A test that wants it fails without it:
// scripts/deps installs it.
func debian(t testing.TB, name string) string {
	t.Helper()
	path := filepath.Join("/usr/bin", name)
	_, err := os.Stat(path)
	require.NoError(t, err, "make deps installs Debian's %s", name)
	return path
}

// VictoriaMetrics starts Debian's VictoriaMetrics, which takes remote write 1.0 and answers as Prometheus does.
func VictoriaMetrics(t testing.TB, arguments ...string) *Server {
	t.Helper()
	dir, address := t.TempDir(), FreeAddress(t)
	return start(t, command{
		program: debian(t, "victoria-metrics"), address: address, dir: dir, ready: "/health",
		arguments: append([]string{
			"-storageDataPath=" + filepath.Join(dir, "data"), "-httpListenAddr=" + address, "-retentionPeriod=1d",
		}, arguments...),
	})
}
