// SPDX-License-Identifier: Apache-2.0

package edgesconnector

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/aeolus-ebpf/aeolus/internal/names"
)

// sample is one value as Prometheus would keep it.
type sample struct {
	at    pcommon.Timestamp
	value float64
	stale bool
}

// recorder keeps samples by series, as Prometheus would, and holds what every message must keep to.
type recorder struct {
	t      testing.TB
	series map[string][]sample
	// exemplars by series.
	exemplars map[string][]string
	// exemplified is when the last exemplar of a series was.
	exemplified map[string]pcommon.Timestamp
}

func newRecorder(t testing.TB) *recorder {
	return &recorder{t: t, series: map[string][]sample{}, exemplars: map[string][]string{}, exemplified: map[string]pcommon.Timestamp{}}
}

func (r *recorder) take(metrics pmetric.Metrics) {
	seen := map[string]bool{}
	for _, resource := range metrics.ResourceMetrics().All() {
		for _, scope := range resource.ScopeMetrics().All() {
			for _, m := range scope.Metrics().All() {
				require.False(r.t, seen[m.Name()], "%s stands twice in a message", m.Name())
				seen[m.Name()] = true
				r.metric(m)
			}
		}
	}
}

func (r *recorder) metric(m pmetric.Metric) {
	known, ok := names.MetricOf(m.Name())
	require.True(r.t, ok, m.Name())
	require.Equal(r.t, known.Unit, m.Unit())
	switch m.Type() {
	case pmetric.MetricTypeSum:
		require.Equal(r.t, known.Instrument == names.Counter, m.Sum().IsMonotonic())
		require.Equal(r.t, pmetric.AggregationTemporalityCumulative, m.Sum().AggregationTemporality())
		for _, p := range m.Sum().DataPoints().All() {
			r.number(&known, p)
		}
	case pmetric.MetricTypeGauge:
		for _, p := range m.Gauge().DataPoints().All() {
			r.number(&known, p)
		}
	case pmetric.MetricTypeHistogram:
		for _, p := range m.Histogram().DataPoints().All() {
			key := r.key(&known, p.Attributes())
			stale := p.Flags().NoRecordedValue()
			r.add(key+"_count", p.StartTimestamp(), sample{p.Timestamp(), float64(p.Count()), stale}, true)
			r.add(key+"_sum", p.StartTimestamp(), sample{p.Timestamp(), p.Sum(), stale}, true)
			buckets := uint64(0)
			for _, n := range p.BucketCounts().All() {
				buckets += n
			}
			require.Equal(r.t, p.Count(), buckets)
		}
	default:
		require.Fail(r.t, "unexpected type", m.Name())
	}
}

func (r *recorder) key(known *names.Metric, attributes pcommon.Map) string {
	var labels []string
	for name, value := range attributes.All() {
		require.Contains(r.t, known.Attributes, name, known.Name)
		if value.Str() != "" {
			labels = append(labels, fmt.Sprintf("%s=%q", names.Label(name), value.Str()))
		}
	}
	slices.Sort(labels)
	return known.Prometheus() + "{" + strings.Join(labels, ",") + "}"
}

func (r *recorder) number(known *names.Metric, p pmetric.NumberDataPoint) {
	key := r.key(known, p.Attributes())
	r.add(key, p.StartTimestamp(), sample{p.Timestamp(), float64(p.IntValue()), p.Flags().NoRecordedValue()}, known.Instrument == names.Counter)
	for _, e := range p.Exemplars().All() {
		id, _ := e.FilteredAttributes().Get(names.RecordID)
		r.exemplars[key] = append(r.exemplars[key], id.Str())
		require.Greater(r.t, e.Timestamp()/1e6, r.exemplified[key]/1e6, "%s: Prometheus would refuse the exemplar", key)
		r.exemplified[key] = e.Timestamp()
	}
}

func (r *recorder) add(key string, start pcommon.Timestamp, s sample, counts bool) {
	before := r.series[key]
	if len(before) > 0 {
		last := before[len(before)-1]
		if s == last {
			return
		}
		require.Greater(r.t, s.at, last.at, "%s: Prometheus would refuse it", key)
		require.GreaterOrEqual(r.t, s.at/1e6, last.at/1e6+1, "%s: Prometheus knows milliseconds", key)
		if counts && !s.stale && start < last.at && !last.stale {
			require.GreaterOrEqual(r.t, s.value, last.value, "%s went back without a new start", key)
		}
	}
	require.LessOrEqual(r.t, start, s.at)
	if counts && !s.stale && (len(before) == 0 || before[len(before)-1].stale) && start != 0 {
		require.Zero(r.t, s.value, "%s is first given as 0", key)
	}
	r.series[key] = append(before, s)
}

// increase is PromQL's increase() over everything, without the extrapolation to the ends of the window: by how much the
// samples grow, where one that is less than the one before has begun again from 0. Stale markers are not samples.
func increase(samples []sample) float64 {
	sum, last, first := 0.0, 0.0, true
	for _, s := range samples {
		switch {
		case s.stale:
			continue
		case first:
			first = false
		case s.value < last:
			sum += s.value
		default:
			sum += s.value - last
		}
		last = s.value
	}
	return sum
}

// total is the sum of increase() over the series that begin with a text.
func (r *recorder) total(prefix string) float64 {
	sum := 0.0
	for key, samples := range r.series {
		if strings.HasPrefix(key, prefix) {
			sum += increase(samples)
		}
	}
	return sum
}

// live gives the newest value of each series that has not ended.
func (r *recorder) live(prefix string) map[string]float64 {
	found := map[string]float64{}
	for key, samples := range r.series {
		if last := samples[len(samples)-1]; strings.HasPrefix(key, prefix) && !last.stale {
			found[key] = last.value
		}
	}
	return found
}
