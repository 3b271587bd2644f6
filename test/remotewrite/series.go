// SPDX-License-Identifier: Apache-2.0

// Package remotewrite writes series to a server as any Prometheus does, by remote write 1.0 and 2.0, for tests.
package remotewrite

import (
	"bytes"
	"fmt"
	"net/http"
	"testing"

	"github.com/golang/snappy"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/prompb"
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"
	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/test/servers"
)

// Path is where remote write is taken.
const Path = "/api/v1/write"

// Series is a series with what it holds: floats or histograms, times in milliseconds.
type Series struct {
	Labels     labels.Labels
	Type       model.MetricType
	Help, Unit string
	// Created is when a counter began, for 2.0; 0 if that is not known.
	Created    int64
	Floats     []Float
	Histograms []Histogram
	Exemplars  []exemplar.Exemplar
}

// Float is a value at an instant.
type Float struct {
	Time  int64
	Value float64
}

// Histogram is a native histogram at an instant: of integers, or of floats.
type Histogram struct {
	Time   int64
	Int    *histogram.Histogram
	Floats *histogram.FloatHistogram
}

// Encode1 makes a body of remote write 1.0. It has no place for metadata beside series, nor for when they began.
func Encode1(t testing.TB, series []Series) []byte {
	t.Helper()
	request := new(prompb.WriteRequest)
	for i := range series {
		s := &series[i]
		made := prompb.TimeSeries{Labels: prompb.FromLabels(s.Labels, nil)}
		for _, f := range s.Floats {
			made.Samples = append(made.Samples, prompb.Sample{Timestamp: f.Time, Value: f.Value})
		}
		for _, h := range s.Histograms {
			if h.Int != nil {
				made.Histograms = append(made.Histograms, prompb.FromIntHistogram(h.Time, h.Int))
				continue
			}
			made.Histograms = append(made.Histograms, prompb.FromFloatHistogram(h.Time, h.Floats))
		}
		for _, e := range s.Exemplars {
			made.Exemplars = append(made.Exemplars, prompb.Exemplar{Labels: prompb.FromLabels(e.Labels, nil), Value: e.Value, Timestamp: e.Ts})
		}
		request.Timeseries = append(request.Timeseries, made)
	}
	body, err := request.Marshal()
	require.NoError(t, err)
	return snappy.Encode(nil, body)
}

// Encode2 makes a body of remote write 2.0.
func Encode2(t testing.TB, series []Series) []byte {
	t.Helper()
	symbols := writev2.NewSymbolTable()
	request := new(writev2.Request)
	for i := range series {
		s := &series[i]
		made := writev2.TimeSeries{
			LabelsRefs: symbols.SymbolizeLabels(s.Labels, nil),
			Metadata: writev2.Metadata{
				Type: writev2.FromMetadataType(s.Type), HelpRef: symbols.Symbolize(s.Help), UnitRef: symbols.Symbolize(s.Unit),
			},
		}
		for _, f := range s.Floats {
			made.Samples = append(made.Samples, writev2.Sample{Timestamp: f.Time, Value: f.Value, StartTimestamp: s.Created})
		}
		for _, h := range s.Histograms {
			if h.Int != nil {
				made.Histograms = append(made.Histograms, writev2.FromIntHistogram(s.Created, h.Time, h.Int))
				continue
			}
			made.Histograms = append(made.Histograms, writev2.FromFloatHistogram(s.Created, h.Time, h.Floats))
		}
		for _, e := range s.Exemplars {
			made.Exemplars = append(made.Exemplars, writev2.Exemplar{LabelsRefs: symbols.SymbolizeLabels(e.Labels, nil), Value: e.Value, Timestamp: e.Ts})
		}
		request.Timeseries = append(request.Timeseries, made)
	}
	request.Symbols = symbols.Symbols()
	body, err := request.Marshal()
	require.NoError(t, err)
	return snappy.Encode(nil, body)
}

// Version of remote write.
type Version int

// The versions.
const (
	V1 Version = 1
	V2 Version = 2
)

// Headers are what a sender says of a body, in pairs, and its content type.
func (v Version) Headers() (contentType string, headers []string) {
	if v == V1 {
		return "application/x-protobuf", []string{"Content-Encoding", "snappy", "X-Prometheus-Remote-Write-Version", "0.1.0"}
	}
	return "application/x-protobuf;proto=io.prometheus.write.v2.Request",
		[]string{"Content-Encoding", "snappy", "X-Prometheus-Remote-Write-Version", "2.0.0"}
}

// Encode makes a body of the version.
func (v Version) Encode(t testing.TB, series []Series) []byte {
	t.Helper()
	if v == V1 {
		return Encode1(t, series)
	}
	return Encode2(t, series)
}

// Send writes series to a server, a bounded number in each request, and fails the test unless all are taken.
func Send(t testing.TB, server *servers.Server, version Version, series []Series) {
	t.Helper()
	const each = 100
	contentType, headers := version.Headers()
	for begin := 0; begin < len(series); begin += each {
		part := series[begin:min(begin+each, len(series))]
		status, answer := server.Post(Path, contentType, bytes.NewReader(version.Encode(t, part)), headers...)
		require.Contains(t, []int{http.StatusOK, http.StatusNoContent}, status, fmt.Sprintf("%s: %s", server.URL, answer))
	}
}
