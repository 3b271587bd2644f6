// SPDX-License-Identifier: Apache-2.0

package servers

import (
	"path/filepath"
	"testing"
)

// Alertmanager starts the newest Alertmanager that can be built, with a configuration.
func Alertmanager(t testing.TB, config string, arguments ...string) *Server {
	t.Helper()
	return alertmanager(t, filepath.Join(Programs(t, AlertmanagerModule), "alertmanager"), config, arguments)
}

// Amtool is the path of that Alertmanager's amtool.
func Amtool(t testing.TB) string {
	t.Helper()
	return filepath.Join(Programs(t, AlertmanagerModule), "amtool")
}

// DebianAlertmanager starts Debian's Alertmanager.
func DebianAlertmanager(t testing.TB, config string, arguments ...string) *Server {
	t.Helper()
	return alertmanager(t, debian(t, "prometheus-alertmanager"), config, arguments)
}

func alertmanager(t testing.TB, program, config string, arguments []string) *Server {
	t.Helper()
	dir, address := t.TempDir(), FreeAddress(t)
	return start(t, command{
		program: program, address: address, dir: dir, ready: "/-/ready",
		arguments: append([]string{
			"--config.file=" + write(t, dir, "alertmanager.yml", config), "--storage.path=" + filepath.Join(dir, "data"),
			"--web.listen-address=" + address,
			// Each stands for itself.
			"--cluster.listen-address=",
		}, arguments...),
	})
}
