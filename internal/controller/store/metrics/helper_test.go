// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/golang/snappy"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/prompb"
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/aeolus-ebpf/aeolus/internal/controller/credential"
	"github.com/aeolus-ebpf/aeolus/internal/loss"
)

func TestMain(m *testing.M) {
	if crashing() {
		return
	}
	goleak.VerifyTestMain(m)
}

// now is when tests happen: the library's receivers look at the real clock besides.
var now = time.Now().Truncate(time.Millisecond)

// open opens a store until the test ends.
func open(t testing.TB, change func(*Config)) *Store {
	t.Helper()
	config := Config{Logger: slog.New(slog.NewTextHandler(io.Discard, nil)), Ledger: loss.NewLedger(), Exemplars: 1000}
	if change != nil {
		change(&config)
	}
	s, err := Open(config)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

var tester = credential.New("tester", "x", credential.Limits{})

const (
	v1Type = "application/x-protobuf"
	v2Type = "application/x-protobuf;proto=io.prometheus.write.v2.Request"
)

// post sends a body to a handler as a tenant.
func post(t testing.TB, handler http.Handler, as *credential.Credential, kind string, body []byte) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/api/v1/write", bytes.NewReader(body))
	r.Header.Set("Content-Type", kind)
	r.Header.Set("Content-Encoding", "snappy")
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r.WithContext(credential.Into(r.Context(), as)))
	return w
}

func packV1(t testing.TB, request *prompb.WriteRequest) []byte {
	t.Helper()
	body, err := request.Marshal()
	require.NoError(t, err)
	return snappy.Encode(nil, body)
}

func packV2(t testing.TB, request *writev2.Request) []byte {
	t.Helper()
	body, err := request.Marshal()
	require.NoError(t, err)
	return snappy.Encode(nil, body)
}

// labelsV1 makes labels of names and values in turn.
func labelsV1(pairs ...string) []prompb.Label {
	var made []prompb.Label
	for i := 0; i+1 < len(pairs); i += 2 {
		made = append(made, prompb.Label{Name: pairs[i], Value: pairs[i+1]})
	}
	return made
}

func seriesV1(name string, samples ...prompb.Sample) prompb.TimeSeries {
	return prompb.TimeSeries{Labels: labelsV1("__name__", name, "job", "test"), Samples: samples}
}

func sampleV1(ago time.Duration, value float64) prompb.Sample {
	return prompb.Sample{Timestamp: now.Add(-ago).UnixMilli(), Value: value}
}

// symbols collects the texts of a request of remote write 2.0.
type symbols struct {
	table writev2.SymbolsTable
}

func newSymbols() *symbols { return &symbols{table: writev2.NewSymbolTable()} }

func (s *symbols) refs(pairs ...string) []uint32 {
	var refs []uint32
	for _, text := range pairs {
		refs = append(refs, s.table.Symbolize(text))
	}
	return refs
}

func (s *symbols) request(series ...writev2.TimeSeries) *writev2.Request {
	return &writev2.Request{Symbols: s.table.Symbols(), Timeseries: series}
}

func nativeHistogram() *histogram.Histogram {
	return &histogram.Histogram{
		Schema: 1, ZeroThreshold: 0.001, ZeroCount: 2, Count: 7, Sum: 18.5,
		PositiveSpans: []histogram.Span{{Offset: 0, Length: 2}, {Offset: 1, Length: 2}}, PositiveBuckets: []int64{1, 1, -1, 0},
	}
}

// get asks the API.
func get(t testing.TB, s *Store, path string, parameters ...string) map[string]any {
	t.Helper()
	values := url.Values{}
	for i := 0; i+1 < len(parameters); i += 2 {
		values.Add(parameters[i], parameters[i+1])
	}
	w := httptest.NewRecorder()
	s.Queries().ServeHTTP(w, httptest.NewRequest(http.MethodGet, Prefix+path+"?"+values.Encode(), nil))
	var answer map[string]any
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &answer), w.Body.String())
	require.Equal(t, "success", answer["status"], "%s: %v", path, answer)
	return answer
}

// instant gives the values of a query at a time, by the series they are of.
func instant(t testing.TB, s *Store, query string, at time.Time) map[string]string {
	t.Helper()
	answer := get(t, s, "/query", "query", query, "time", fmt.Sprintf("%.3f", float64(at.UnixMilli())/1000))
	values := map[string]string{}
	for _, each := range answer["data"].(map[string]any)["result"].([]any) {
		labels, _ := json.Marshal(each.(map[string]any)["metric"])
		value := each.(map[string]any)["value"]
		if value == nil {
			value = each.(map[string]any)["histogram"]
		}
		encoded, _ := json.Marshal(value.([]any)[1])
		values[string(labels)] = string(encoded)
	}
	return values
}

// counted gives the figures of a stage.
func counted(s *Store, stage string) loss.Count {
	for _, count := range s.config.Ledger.Counts() {
		if count.Stage == stage {
			return count
		}
	}
	return loss.Count{}
}

// balanced checks that what came in has gone out or been counted as lost.
func balanced(t testing.TB, s *Store) {
	t.Helper()
	for _, stage := range [...]string{"metrics.requests", "metrics.samples", "metrics.exemplars"} {
		count := counted(s, stage)
		require.Equal(t, count.In, count.Out+count.Lost(), "%+v", count)
	}
}
