// SPDX-License-Identifier: Apache-2.0

package servers

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Programs builds a module's programs if they are not there, and gives the directory that they are in.
func Programs(t testing.TB, module Module) string {
	t.Helper()
	directory, err := module.Build(t.Context(), func(line string) { t.Log(line) })
	require.NoError(t, err)
	return directory
}

// OwnAddress stands in a Prometheus' configuration for where it listens.
const OwnAddress = "OWN-ADDRESS"

// Prometheus starts the newest Prometheus with a configuration, which may be empty. It takes remote write 1.0 and 2.0 and
// OTLP, stores native histograms, exemplars and metadata, and takes samples that are up to an hour late.
func Prometheus(t testing.TB, config string, arguments ...string) *Server {
	t.Helper()
	return prometheus(t, filepath.Join(Programs(t, PrometheusModule), "prometheus"), config, append([]string{
		"--web.enable-remote-write-receiver", "--web.enable-otlp-receiver",
		"--web.remote-write-receiver.accepted-protobuf-messages=prometheus.WriteRequest",
		"--web.remote-write-receiver.accepted-protobuf-messages=io.prometheus.write.v2.Request",
	}, arguments...))
}

// Promtool is the path of the newest promtool.
func Promtool(t testing.TB) string {
	t.Helper()
	return filepath.Join(Programs(t, PrometheusModule), "promtool")
}

// DebianPrometheus starts Debian's Prometheus, which knows remote write 1.0 alone.
func DebianPrometheus(t testing.TB, config string, arguments ...string) *Server {
	t.Helper()
	return prometheus(t, debian(t, "prometheus"), config, append([]string{"--web.enable-remote-write-receiver"}, arguments...))
}

func prometheus(t testing.TB, program, config string, arguments []string) *Server {
	t.Helper()
	dir, address := t.TempDir(), FreeAddress(t)
	return start(t, command{
		program: program, address: address, dir: dir, ready: "/-/ready",
		arguments: append([]string{
			"--config.file=" + write(t, dir, "prometheus.yml", strings.ReplaceAll(config, OwnAddress, address)), "--storage.tsdb.path=" + filepath.Join(dir, "data"),
			"--web.listen-address=" + address, "--log.level=warn",
		}, arguments...),
	})
}
