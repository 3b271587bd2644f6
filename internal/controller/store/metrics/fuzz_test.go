// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/golang/snappy"
	"github.com/prometheus/prometheus/prompb"
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"
	"github.com/stretchr/testify/require"
)

// FuzzWrite sends messages that are compressed well. Nothing may break, and the accounts must agree.
func FuzzWrite(f *testing.F) {
	series := seriesV1("up", sampleV1(0, 1))
	series.Exemplars = []prompb.Exemplar{{Labels: labelsV1("a", "b"), Value: 1, Timestamp: now.UnixMilli()}}
	first, err := (&prompb.WriteRequest{Timeseries: []prompb.TimeSeries{series, {Labels: labelsV1("__name__", "h"),
		Histograms: []prompb.Histogram{prompb.FromIntHistogram(now.UnixMilli(), nativeHistogram())}}}}).Marshal()
	require.NoError(f, err)
	texts := newSymbols()
	second, err := texts.request(writev2.TimeSeries{
		LabelsRefs: texts.refs("__name__", "up2"), Samples: []writev2.Sample{{Value: 1, Timestamp: now.UnixMilli(), StartTimestamp: 5}},
		Histograms: []writev2.Histogram{writev2.FromIntHistogram(3, now.UnixMilli(), nativeHistogram())},
		Exemplars:  []writev2.Exemplar{{LabelsRefs: texts.refs("a", "b"), Value: 1, Timestamp: now.UnixMilli()}},
	}).Marshal()
	require.NoError(f, err)
	f.Add(first, false)
	f.Add(second, true)
	s := open(f, nil)
	f.Fuzz(func(t *testing.T, body []byte, isSecond bool) {
		kind := v1Type
		if isSecond {
			kind = v2Type
		}
		w := post(t, s.RemoteWrite(), tester, kind, snappy.Encode(nil, body))
		require.Contains(t, []int{204, 400, 413, 429, 500}, w.Code)
		require.Zero(t, counted(s, "metrics.requests").Dropped["defect"])
		balanced(t, s)
	})
}

// benchmarkWrite sends requests of 2,000 samples of as many series, as Prometheus does.
func benchmarkWrite(b *testing.B, version int) {
	const series = 2000
	s := open(b, nil)
	var bodies [][]byte
	kind := v1Type
	for n := range 64 {
		when := now.UnixMilli() - 1_000_000 + int64(n)*1000
		if version == 1 {
			request := &prompb.WriteRequest{}
			for i := range series {
				request.Timeseries = append(request.Timeseries, prompb.TimeSeries{
					Labels: labelsV1("__name__", "aeolus_edge_io_bytes_total", "direction", "request", "edge", fmt.Sprintf("%08x", i),
						"job", "aeolus", "source_workload", fmt.Sprint("client-", i%50), "destination_workload", fmt.Sprint("server-", i/50)),
					Samples: []prompb.Sample{{Timestamp: when, Value: float64(n * i)}},
				})
			}
			bodies = append(bodies, packV1(b, request))
			continue
		}
		kind = v2Type
		texts := newSymbols()
		var all []writev2.TimeSeries
		for i := range series {
			all = append(all, writev2.TimeSeries{
				LabelsRefs: texts.refs("__name__", "aeolus_edge_io_bytes_total", "direction", "request", "edge", fmt.Sprintf("%08x", i),
					"job", "aeolus", "source_workload", fmt.Sprint("client-", i%50), "destination_workload", fmt.Sprint("server-", i/50)),
				Samples:  []writev2.Sample{{Timestamp: when, Value: float64(n * i), StartTimestamp: now.UnixMilli() - 2_000_000}},
				Metadata: writev2.Metadata{Type: writev2.Metadata_METRIC_TYPE_COUNTER, HelpRef: texts.refs("Payload.")[0]},
			})
		}
		bodies = append(bodies, packV2(b, texts.request(all...)))
	}
	post(b, s.RemoteWrite(), tester, kind, bodies[0])
	b.SetBytes(int64(len(bodies[0])))
	b.ReportAllocs()
	n, spent := 0, time.Duration(0)
	for b.Loop() {
		if n++; n%len(bodies) == 0 {
			b.StopTimer()
			s = open(b, nil)
			post(b, s.RemoteWrite(), tester, kind, bodies[0])
			b.StartTimer()
			continue
		}
		before := processorTime(b)
		if w := post(b, s.RemoteWrite(), tester, kind, bodies[n%len(bodies)]); w.Code != 204 {
			b.Fatal(w.Code, w.Body.String())
		}
		spent += processorTime(b) - before
	}
	b.ReportMetric(float64(spent.Nanoseconds())/float64(n)/series, "cpu-ns/sample")
}

// processorTime is what this process has had of the processors: others may be busy.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func BenchmarkWrite_first(b *testing.B)  { benchmarkWrite(b, 1) }
func BenchmarkWrite_second(b *testing.B) { benchmarkWrite(b, 2) }
