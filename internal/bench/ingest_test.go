// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestIngest_measuresEveryKind(t *testing.T) {
	rows := measured(t, ingest{})
	for _, name := range []string{
		"sustained, rows a second", "sustained, events represented a second", "sustained, controller's CPU", "sustained, on disk per row",
		"flow batches, CPU per row", "flow batches, on the wire per row", "OTLP events, CPU per event", "OTLP events, on disk per event",
		"remote write 1.0, CPU per sample", "remote write 2.0, CPU per sample", "remote write 2.0, allocations per sample",
		"until queryable, event → list of events, p50", "until queryable, sample → PromQL, p50", "until queryable, edge → map, p50",
	} {
		require.Contains(t, rows, name)
		require.Positive(t, rows[name].Value, name)
	}
	for name, row := range rows {
		if row.Goal != nil {
			require.NotNil(t, row.Met, name)
		}
	}
	require.Zero(t, rows["sustained, lost"].Value, rows["sustained, lost"].Note)
	two := rows["sustained, events represented a second, two CPUs"]
	require.InDelta(t, 2*rows["sustained, events represented a second"].Value, two.Value, 1)
	require.Contains(t, two.Note, "computed")
}
