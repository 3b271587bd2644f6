// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"fmt"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/prometheus/prometheus/prompb"
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"
	"github.com/stretchr/testify/require"
)

func TestWrite_firstVersionIsReadBack(t *testing.T) {
	s := open(t, nil)
	native := prompb.FromIntHistogram(now.UnixMilli(), nativeHistogram())
	series := seriesV1("requests_total", sampleV1(time.Minute, 1), sampleV1(0, 3))
	series.Exemplars = []prompb.Exemplar{{Labels: labelsV1("event_id", "abc-1"), Value: 3, Timestamp: now.UnixMilli()}}
	w := post(t, s.RemoteWrite(), tester, v1Type, packV1(t, &prompb.WriteRequest{
		Timeseries: []prompb.TimeSeries{series, {Labels: labelsV1("__name__", "seconds"), Histograms: []prompb.Histogram{native}}},
		Metadata:   []prompb.MetricMetadata{{Type: prompb.MetricMetadata_COUNTER, MetricFamilyName: "requests_total", Help: "Requests.", Unit: "requests"}},
	}))
	require.Equal(t, 204, w.Code, w.Body.String())
	require.Equal(t, map[string]string{`{"__name__":"requests_total","job":"test"}`: `"3"`}, instant(t, s, "requests_total", now))
	require.Equal(t, map[string]string{`{"job":"test"}`: `"2"`}, instant(t, s, "delta(requests_total[61s]) * 60 / 61", now.Add(time.Millisecond)), "two samples")
	require.Contains(t, fmt.Sprint(instant(t, s, "histogram_count(seconds)", now)), `"7"`)
	require.Equal(t, "[map[help:Requests. type:counter unit:requests]]", fmt.Sprint(get(t, s, "/metadata")["data"].(map[string]any)["requests_total"]))
	exemplars := fmt.Sprint(get(t, s, "/query_exemplars", "query", "requests_total", "start", at(now.Add(-time.Hour)), "end", at(now))["data"])
	require.Contains(t, exemplars, "event_id:abc-1")
	balanced(t, s)
	require.Equal(t, uint64(3), counted(s, "metrics.samples").Out)
	require.Equal(t, uint64(1), counted(s, "metrics.exemplars").Out)
}

func at(when time.Time) string { return fmt.Sprintf("%.3f", float64(when.UnixMilli())/1000) }

func written(w *httptest.ResponseRecorder) string {
	h := w.Header()
	return h.Get("X-Prometheus-Remote-Write-Samples-Written") + " " + h.Get("X-Prometheus-Remote-Write-Histograms-Written") + " " +
		h.Get("X-Prometheus-Remote-Write-Exemplars-Written")
}

func TestWrite_secondVersionIsReadBack(t *testing.T) {
	s := open(t, nil)
	texts := newSymbols()
	began := now.Add(-10 * time.Minute).UnixMilli()
	w := post(t, s.RemoteWrite(), tester, v2Type, packV2(t, texts.request(
		writev2.TimeSeries{
			LabelsRefs: texts.refs("__name__", "events_total", "kind", "reset"),
			Samples:    []writev2.Sample{{Value: 5, Timestamp: now.UnixMilli(), StartTimestamp: began}},
			Exemplars:  []writev2.Exemplar{{LabelsRefs: texts.refs("event_id", "abc-2"), Value: 1, Timestamp: now.UnixMilli()}},
			Metadata: writev2.Metadata{Type: writev2.Metadata_METRIC_TYPE_COUNTER, HelpRef: texts.refs("Events.")[0],
				UnitRef: texts.refs("events")[0]},
		},
		writev2.TimeSeries{
			LabelsRefs: texts.refs("__name__", "rtt_seconds"),
			Histograms: []writev2.Histogram{writev2.FromIntHistogram(0, now.UnixMilli(), nativeHistogram())},
			Metadata:   writev2.Metadata{Type: writev2.Metadata_METRIC_TYPE_HISTOGRAM},
		},
	)))
	require.Equal(t, 204, w.Code, w.Body.String())
	require.Equal(t, "1 1 1", written(w))
	require.Equal(t, map[string]string{`{"__name__":"events_total","kind":"reset"}`: `"5"`}, instant(t, s, "events_total", now))
	require.Equal(t, map[string]string{`{"__name__":"events_total","kind":"reset"}`: `"0"`}, instant(t, s, "events_total", now.Add(-10*time.Minute)),
		"when the counter began")
	require.Equal(t, map[string]string{`{}`: `"18.5"`}, instant(t, s, "histogram_sum(rtt_seconds)", now))
	require.Equal(t, "[map[help:Events. type:counter unit:events]]", fmt.Sprint(get(t, s, "/metadata", "metric", "events_total")["data"].(map[string]any)["events_total"]))
	require.Contains(t, fmt.Sprint(get(t, s, "/query_exemplars", "query", "events_total", "start", at(now.Add(-time.Hour)), "end", at(now))["data"]), "abc-2")
	balanced(t, s)
}

// TestWrite_exemplarsCostNoSamples: those that are refused are counted and said, and what came with them has arrived.
func TestWrite_exemplarsCostNoSamples(t *testing.T) {
	when := func(ago time.Duration) int64 { return now.Add(-ago).UnixMilli() }
	first := func(t *testing.T, ago time.Duration, value float64, exemplar time.Duration) []byte {
		series := seriesV1("requests_total", sampleV1(ago, value))
		series.Exemplars = []prompb.Exemplar{{Labels: labelsV1("event_id", fmt.Sprint(value)), Value: 1, Timestamp: when(exemplar)}}
		return packV1(t, &prompb.WriteRequest{Timeseries: []prompb.TimeSeries{series}})
	}
	second := func(t *testing.T, ago time.Duration, value float64, exemplar time.Duration) []byte {
		texts := newSymbols()
		return packV2(t, texts.request(writev2.TimeSeries{
			LabelsRefs: texts.refs("__name__", "requests_total"),
			Samples:    []writev2.Sample{{Value: value, Timestamp: when(ago)}},
			Exemplars:  []writev2.Exemplar{{LabelsRefs: texts.refs("event_id", fmt.Sprint(value)), Value: 1, Timestamp: when(exemplar)}},
		}))
	}
	for version, pack := range map[string]func(*testing.T, time.Duration, float64, time.Duration) []byte{v1Type: first, v2Type: second} {
		t.Run(version, func(t *testing.T) {
			s := open(t, func(c *Config) { c.OutOfOrder = time.Second })
			require.Equal(t, 204, post(t, s.RemoteWrite(), tester, version, pack(t, 10*time.Second, 1, 10*time.Second)).Code)
			for i, exemplar := range []time.Duration{time.Minute, -100 * time.Hour} {
				w := post(t, s.RemoteWrite(), tester, version, pack(t, time.Duration(5-i)*time.Second, float64(2+i), exemplar))
				require.Equal(t, 204, w.Code, w.Body.String())
				if version == v2Type {
					require.Equal(t, "1 0 0", written(w))
				}
			}
			require.Equal(t, uint64(3), counted(s, "metrics.samples").Out)
			require.Equal(t, map[string]uint64{"out-of-order": 1, "not-taken": 1}, counted(s, "metrics.exemplars").Dropped)
			require.Equal(t, uint64(3), counted(s, "metrics.requests").Out)
			balanced(t, s)
		})
	}
}
