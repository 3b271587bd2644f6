// SPDX-License-Identifier: Apache-2.0

package selfmetrics_test

import (
	"context"
	"log/slog"
	"math"
	"testing"
	"time"

	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/aeolus-ebpf/aeolus/internal/controller/store/selfmetrics"
	"github.com/aeolus-ebpf/aeolus/internal/loss"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestWrite holds that increase() over what was written is what was counted, what came before the first writing included.
func TestWrite(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	options := tsdb.DefaultOptions()
	db, err := tsdb.Open(t.TempDir(), slog.New(slog.DiscardHandler), nil, options, nil)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	ledger := loss.NewLedger()
	begin := now
	m := selfmetrics.New(selfmetrics.Config{
		Ledger: ledger, Version: "1", Instance: "here", Store: db, Logger: slog.New(slog.DiscardHandler),
		Now: func() time.Time { return now },
	})
	for i := range 5 {
		ledger.Stage("watch").In(100)
		if i >= 2 {
			ledger.Stage("watch").Drop("slow", 7)
		}
		now = now.Add(15 * time.Second)
		require.NoError(t, m.Write(context.Background()))
	}
	engine := promql.NewEngine(promql.EngineOpts{MaxSamples: 10000, Timeout: time.Minute})
	defer func() { require.NoError(t, engine.Close()) }()
	for query, want := range map[string]float64{
		`increase(aeolus_controller_stage_in_total{stage="watch"}[76s])`:            500,
		`sum_over_time(aeolus_controller_build_info{job="aeolus-controller"}[76s])`: 5,
		`max_over_time(aeolus_controller_stage_dropped_total{reason="slow"}[76s])`:  21,
		`min_over_time(aeolus_controller_stage_dropped_total{reason="slow"}[76s])`:  0,
		`count_over_time(aeolus_controller_stage_in_total{stage="watch"}[76s])`:     6,
	} {
		asked, err := engine.NewInstantQuery(context.Background(), db, nil, query, begin.Add(75*time.Second))
		require.NoError(t, err)
		result := asked.Exec(context.Background())
		require.NoError(t, result.Err, query)
		vector, err := result.Vector()
		require.NoError(t, err)
		require.Len(t, vector, 1, query)
		require.Less(t, math.Abs(vector[0].F-want), 1e-9, "%s: %v", query, vector[0].F)
		require.Equal(t, "here", vector[0].Metric.Get("instance"))
		asked.Close()
	}
}
