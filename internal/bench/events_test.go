// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

func TestEvents_measuresEveryStage(t *testing.T) {
	testkit.RequireRoot(t)
	result, err := Measure(t.Context(), events{}, Run{Progress: func(line string) { t.Log(line) }})
	require.NoError(t, err)
	byName := map[string]Row{}
	for _, row := range result.Rows {
		byName[row.Name] = row
		if row.Goal != nil {
			require.NotNil(t, row.Met, row.Name)
		}
		require.GreaterOrEqual(t, row.Value, 0.0, row.Name)
	}
	for _, stage := range []string{"agent", "controller", "open anomaly"} {
		row := byName["low rate, kernel → "+stage+", p99"]
		require.Equal(t, 100, row.Samples, "%s: each refused connect is an event, and each edge has an anomaly", stage)
	}
	require.Equal(t, 100, byName["low rate without collector, kernel → controller, p50"].Samples)
	require.Equal(t, 20, byName["kernel → counter in PromQL by remote write, p99"].Samples, "each event is counted once")
	require.Equal(t, 200.0, byName["full rate, connects refused"].Value)
	require.GreaterOrEqual(t, byName["full rate, events timed"].Value, 100.0)
}

func TestTraffic_refusesNonsense(t *testing.T) {
	for _, args := range [][]string{nil, {"1", "1"}, {"1", "0", "1"}, {"x", "1", "1"}} {
		require.Error(t, TrafficMain(t.Context(), new(bytes.Buffer), args))
	}
}

func TestRefusing(t *testing.T) {
	require.Equal(t, "198.18.0.2:9", refusing(0))
	require.Equal(t, "198.18.1.1:9", refusing(255))
	require.Equal(t, "198.19.0.1:9", refusing(65535))
}
