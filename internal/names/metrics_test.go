// SPDX-License-Identifier: Apache-2.0

package names_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/names"
)

func TestMetrics_tableIsWellFormed(t *testing.T) {
	attributes := map[string]bool{}
	for _, a := range names.MetricAttributes() {
		require.False(t, attributes[a.Name], "%s stands twice", a.Name)
		require.True(t, strings.HasSuffix(a.Meaning, "."), a.Name)
		attributes[a.Name] = true
	}
	used, seen, prometheus := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, m := range names.Metrics() {
		require.Regexp(t, wellFormed, m.Name)
		require.False(t, seen[m.Name], "%s stands twice", m.Name)
		require.False(t, prometheus[m.Prometheus()], "%s stands twice", m.Prometheus())
		seen[m.Name], prometheus[m.Prometheus()] = true, true
		require.True(t, strings.HasSuffix(m.Meaning, "."), "%s: %q is no sentence", m.Name, m.Meaning)
		require.True(t, strings.HasPrefix(m.Name, string(m.Preset)+"."), m.Name)
		require.Equal(t, m.Preset == names.PresetAeolus, m.Stability == names.Own, m.Name)
		for _, a := range m.Attributes {
			require.True(t, attributes[a], "%s: %s is not in the table of attributes", m.Name, a)
			used[a] = true
		}
		if m.Of != "" {
			of, known := names.MetricOf(m.Of)
			require.True(t, known, m.Of)
			require.Equal(t, names.PresetAeolus, of.Preset)
		}
	}
	require.Len(t, used, len(attributes), "every attribute is used")
}

func TestMetric_Prometheus(t *testing.T) {
	for name, want := range map[string]string{
		names.EdgeOpened: "aeolus_edge_connections_opened_total", names.EdgeOpen: "aeolus_edge_connections_open",
		names.EdgeFailures: "aeolus_edge_connection_failures_total", names.EdgeIO: "aeolus_edge_io_bytes_total",
		names.EdgeRTT: "aeolus_edge_rtt_seconds", names.Events: "aeolus_events_total",
		names.OBIFlowBytes: "obi_network_flow_bytes_total", names.OBIRoundTrip: "obi_stat_tcp_rtt_seconds",
		names.AgentHeard: "aeolus_agent_heard_timestamp_seconds", names.CollectorBuild: "aeolus_collector_build_info",
		names.DolphinSendByte: "dolphin_tcp_send_byte",
	} {
		m, known := names.MetricOf(name)
		require.True(t, known, name)
		require.Equal(t, want, m.Prometheus())
	}
}
