// SPDX-License-Identifier: Apache-2.0

package promql

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"

	"github.com/aeolus-ebpf/aeolus/test/remotewrite"
)

const (
	// span is how long the data lasts, interval how far its samples are apart.
	span     = 30 * time.Minute
	interval = 15 * time.Second
	points   = int(span / interval)
)

// Dataset makes the same series every time, but for the moment at which they end: counters that restart and that end,
// gauges with gaps and with values that are no numbers, classic histograms, native ones of both kinds and with buckets of
// their own, and what info() joins.
func Dataset(end time.Time) []remotewrite.Series {
	m := &maker{end: end.Truncate(interval), random: rand.New(rand.NewPCG(3, 14))}
	m.counters()
	m.gauges()
	m.classicHistograms()
	m.nativeHistograms()
	m.odd()
	return m.series
}

type maker struct {
	end    time.Time
	random *rand.Rand
	series []remotewrite.Series
}

// at is the time of a point in milliseconds, later ones shifted by up to a second as scrapes are.
func (m *maker) at(i int) int64 {
	shift := time.Duration(i*7%11) * 90 * time.Millisecond
	return m.end.Add(-span + time.Duration(i)*interval + shift).UnixMilli()
}

func (m *maker) add(kind model.MetricType, help string, floats []remotewrite.Float, pairs ...string) *remotewrite.Series {
	made := remotewrite.Series{Labels: labels.FromStrings(pairs...), Type: kind, Help: help, Floats: floats}
	if kind == model.MetricTypeCounter {
		made.Created = m.at(0) - 1000
	}
	m.series = append(m.series, made)
	return &m.series[len(m.series)-1]
}

// floats makes the points for which the function answers true.
func (m *maker) floats(of func(i int) (float64, bool)) []remotewrite.Float {
	var list []remotewrite.Float
	for i := range points {
		if v, ok := of(i); ok {
			list = append(list, remotewrite.Float{Time: m.at(i), Value: v})
		}
	}
	return list
}

func (m *maker) counters() {
	for job := range 3 {
		for instance := range 3 {
			for _, code := range []string{"200", "404", "500"} {
				total, step := 0.0, float64(1+job*5+instance)
				restarts, ends := 40+10*instance, points
				if job == 2 && instance == 2 {
					ends = 90
				}
				made := m.add(model.MetricTypeCounter, "Requests that were answered.", m.floats(func(i int) (float64, bool) {
					if i >= ends {
						return math.Float64frombits(value.StaleNaN), i == ends
					}
					if i == restarts && job == 1 {
						total = 0
					}
					total += math.Floor(step * m.random.Float64() * 10)
					return total, true
				}), "__name__", "http_requests_total", "job", fmt.Sprintf("job-%d", job), "instance", fmt.Sprintf("host-%d:80", instance), "code", code)
				made.Exemplars = []exemplar.Exemplar{{
					Labels: labels.FromStrings("trace_id", fmt.Sprintf("%d-%d-%s", job, instance, code)), Value: step, Ts: made.Floats[20].Time, HasTs: true,
				}}
			}
		}
	}
}

func (m *maker) gauges() {
	for instance := range 3 {
		host := fmt.Sprintf("host-%d:80", instance)
		level := 20.0 + float64(instance)*10
		m.add(model.MetricTypeGauge, "Temperature.", m.floats(func(i int) (float64, bool) {
			level += m.random.Float64()*4 - 2
			return level, instance != 1 || i < 50 || i > 75
		}), "__name__", "temperature_celsius", "instance", host, "room", string(rune('a'+instance)))
		m.add(model.MetricTypeGauge, "Memory.", m.floats(func(i int) (float64, bool) {
			return 1e9 + 1e6*float64(i)*float64(instance+1) + m.random.Float64()*1e5, true
		}), "__name__", "memory_bytes", "instance", host, "job", fmt.Sprintf("job-%d", instance))
		m.add(model.MetricTypeGauge, "Whether it is up.", m.floats(func(i int) (float64, bool) {
			return float64((i / (10 + instance)) % 2), true
		}), "__name__", "up", "instance", host, "job", fmt.Sprintf("job-%d", instance))
		m.add(model.MetricTypeInfo, "What runs.", m.floats(func(int) (float64, bool) { return 1, true }),
			"__name__", "target_info", "instance", host, "job", fmt.Sprintf("job-%d", instance), "version", fmt.Sprintf("1.%d.0", instance),
			"cluster", []string{"north", "south", "north"}[instance])
	}
}

func (m *maker) classicHistograms() {
	bounds := []string{"0.005", "0.01", "0.05", "0.1", "0.5", "1", "5", "+Inf"}
	for job := range 2 {
		for _, method := range []string{"get", "put"} {
			counts := make([]float64, len(bounds))
			all := make([][]float64, points)
			sums, sum := make([]float64, points), 0.0
			for i := range points {
				for b := range counts {
					counts[b] += math.Floor(m.random.Float64() * float64(3+b+job))
				}
				sum += m.random.Float64() * 10
				sums[i] = sum
				cumulative := 0.0
				for _, c := range counts {
					cumulative += c
					all[i] = append(all[i], cumulative)
				}
			}
			common := []string{"job", fmt.Sprintf("job-%d", job), "method", method}
			for b, bound := range bounds {
				m.add(model.MetricTypeHistogram, "How long requests take.", m.floats(func(i int) (float64, bool) { return all[i][b], true }),
					append([]string{"__name__", "request_seconds_bucket", "le", bound}, common...)...)
			}
			m.add(model.MetricTypeHistogram, "How long requests take.", m.floats(func(i int) (float64, bool) { return sums[i], true }),
				append([]string{"__name__", "request_seconds_sum"}, common...)...)
			m.add(model.MetricTypeHistogram, "How long requests take.", m.floats(func(i int) (float64, bool) { return all[i][len(bounds)-1], true }),
				append([]string{"__name__", "request_seconds_count"}, common...)...)
		}
	}
}

// nativeOf makes a histogram that has grown for so many points.
func (m *maker) nativeOf(i, schema int) *histogram.Histogram {
	n := int64(i + 1)
	return &histogram.Histogram{
		Schema: int32(schema), ZeroThreshold: 0.001, ZeroCount: uint64(n), Count: uint64(n * 13), Sum: float64(n) * 21.5,
		PositiveSpans: []histogram.Span{{Offset: 0, Length: 2}, {Offset: 1, Length: 2}}, PositiveBuckets: []int64{n * 2, n, -n, 0},
		NegativeSpans: []histogram.Span{{Offset: 0, Length: 2}}, NegativeBuckets: []int64{n, 0},
	}
}

func (m *maker) nativeHistograms() {
	for job := range 2 {
		exponential := m.add(model.MetricTypeHistogram, "Sizes.", nil, "__name__", "size_bytes", "job", fmt.Sprintf("job-%d", job))
		for i := range points {
			grown := i
			if job == 1 && i >= 60 {
				grown = i - 60
			}
			h := m.nativeOf(grown, 1+job)
			// Nine in the positive buckets, two in the negative ones.
			h.Count = h.ZeroCount + uint64(grown+1)*(2+3+2+2) + uint64(grown+1)*2
			exponential.Histograms = append(exponential.Histograms, remotewrite.Histogram{Time: m.at(i), Int: h})
		}
		levels := m.add(model.MetricTypeGaugeHistogram, "Levels.", nil, "__name__", "levels", "job", fmt.Sprintf("job-%d", job))
		custom := m.add(model.MetricTypeHistogram, "Waits.", nil, "__name__", "wait_seconds", "job", fmt.Sprintf("job-%d", job))
		for i := range points {
			n := float64(1 + (i*(job+2))%17)
			levels.Histograms = append(levels.Histograms, remotewrite.Histogram{Time: m.at(i), Floats: &histogram.FloatHistogram{
				CounterResetHint: histogram.GaugeType, Schema: 0, ZeroThreshold: 0.5, ZeroCount: n / 4, Count: n/4 + n*3, Sum: n * 2.25,
				PositiveSpans: []histogram.Span{{Offset: -1, Length: 2}}, PositiveBuckets: []float64{n, n * 2},
			}})
			grown := uint64(i + 1)
			custom.Histograms = append(custom.Histograms, remotewrite.Histogram{Time: m.at(i), Int: &histogram.Histogram{
				Schema: histogram.CustomBucketsSchema, Count: grown * 6, Sum: float64(grown) * 4.5, CustomValues: []float64{0.1, 1, 10},
				PositiveSpans: []histogram.Span{{Offset: 0, Length: 3}}, PositiveBuckets: []int64{int64(grown), int64(grown), int64(grown)},
			}})
		}
	}
}

// odd makes what is rare: values that are no numbers, extremes, names and labels in UTF-8, series of one sample.
func (m *maker) odd() {
	extremes := []float64{math.NaN(), math.Inf(1), math.Inf(-1), 0, math.Copysign(0, -1), math.MaxFloat64, -math.MaxFloat64, math.SmallestNonzeroFloat64, 1, -1}
	for i, v := range extremes {
		m.add(model.MetricTypeGauge, "Extremes.", m.floats(func(int) (float64, bool) { return v, true }), "__name__", "extreme", "which", strconv.Itoa(i))
	}
	m.add(model.MetricTypeGauge, "All of them in turn.", m.floats(func(i int) (float64, bool) { return extremes[i%len(extremes)], true }), "__name__", "changing")
	m.add(model.MetricTypeGauge, "A name of other letters.", m.floats(func(i int) (float64, bool) { return float64(i), true }),
		"__name__", "température.maximale", "lieu d'été", "Zürich", "path", `C:\dir "x"`)
	m.add(model.MetricTypeGauge, "Sparse.", m.floats(func(i int) (float64, bool) { return float64(i), i%16 == 0 }), "__name__", "sparse")
	m.add(model.MetricTypeGauge, "Once.", m.floats(func(i int) (float64, bool) { return 42, i == points-5 }), "__name__", "once")
	m.add(model.MetricTypeUnknown, "", m.floats(func(i int) (float64, bool) { return float64(m.end.Unix() - 86400*400*int64(i%5)), true }), "__name__", "moment_seconds")
	m.add(model.MetricTypeGauge, "Gone.", m.floats(func(i int) (float64, bool) {
		if i == points-12 {
			return math.Float64frombits(value.StaleNaN), true
		}
		return float64(i), i < points-12
	}), "__name__", "gone")
}
