// SPDX-License-Identifier: Apache-2.0

package servers_test

import (
	"net/http"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/test/servers"
)

const quietAlertmanager = "route: {receiver: none}\nreceivers: [{name: none}]\n"

// TestServers_start starts each server, takes it away and brings it back in the same place.
func TestServers_start(t *testing.T) {
	t.Parallel()
	for name, run := range map[string]func(t *testing.T) *servers.Server{
		"Prometheus":            func(t *testing.T) *servers.Server { return servers.Prometheus(t, "") },
		"Debian's Prometheus":   func(t *testing.T) *servers.Server { return servers.DebianPrometheus(t, "") },
		"Alertmanager":          func(t *testing.T) *servers.Server { return servers.Alertmanager(t, quietAlertmanager) },
		"Debian's Alertmanager": func(t *testing.T) *servers.Server { return servers.DebianAlertmanager(t, quietAlertmanager) },
		"VictoriaMetrics":       func(t *testing.T) *servers.Server { return servers.VictoriaMetrics(t) },
		"the controller":        func(t *testing.T) *servers.Server { return servers.Controller(t) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := run(t)
			status, body := server.Get("/metrics")
			if name != "the controller" {
				require.Equal(t, http.StatusOK, status, "%s", body)
			}
			server.Kill()
			require.False(t, server.Running())
			server.Start()
			require.True(t, server.Running())
		})
	}
}

// TestServers_tools runs the command lines that come with them.
func TestServers_tools(t *testing.T) {
	t.Parallel()
	for _, program := range []string{
		servers.Promtool(t), servers.Amtool(t), servers.Telemetrygen(t),
	} {
		output, err := exec.Command(program, "--help").CombinedOutput()
		require.NoError(t, err, "%s", output)
		require.Contains(t, strings.ToLower(string(output)), "usage")
	}
}
