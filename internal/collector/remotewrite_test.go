// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/golang/snappy"
	writev2 "github.com/prometheus/client_golang/exp/api/remote/genproto/v2"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// startOf reads the field that the specification has added to samples, and the types used here do not know.
func startOf(t *testing.T, sample *writev2.Sample) int64 {
	t.Helper()
	const startTimestamp = 3
	number, kind, tag := protowire.ConsumeTag(sample.ProtoReflect().GetUnknown())
	require.Positive(t, tag, "the sample says when its counter began")
	require.EqualValues(t, startTimestamp, number)
	require.Equal(t, protowire.VarintType, kind)
	value, n := protowire.ConsumeVarint(sample.ProtoReflect().GetUnknown()[tag:])
	require.Positive(t, n)
	return int64(value)
}

// TestCollector_remoteWrite2 holds what the controller relies on: a counter comes with the time when it began, and with
// the exemplar that names an event.
func TestCollector_remoteWrite2(t *testing.T) {
	requests := make(chan *writev2.Request, 16)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || r.Header.Get("Content-Type") != "application/x-protobuf;proto=io.prometheus.write.v2.Request" || r.Header.Get("Authorization") != "Bearer secret" {
			http.Error(w, r.Header.Get("Content-Type"), http.StatusUnsupportedMediaType)
			return
		}
		plain, err := snappy.Decode(nil, body)
		request := new(writev2.Request)
		if err == nil {
			err = proto.Unmarshal(plain, request)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("X-Prometheus-Remote-Write-Samples-Written", "1")
		w.WriteHeader(http.StatusNoContent)
		requests <- request
	}))
	defer server.Close()
	in := free(t)
	_, log, stop := begin(t, Config{Text: `
receivers: {otlp: {protocols: {http: {endpoint: ` + in + `}}}}
exporters:
  prometheus_remote_write:
    http: {endpoint: ` + server.URL + `/api/v1/write, headers: {Authorization: Bearer secret}}
    protobuf_message: io.prometheus.write.v2.Request
    target_info: {enabled: false}
service:
  telemetry: {metrics: {level: none}}
  pipelines: {metrics: {receivers: [otlp], exporters: [prometheus_remote_write]}}
`})
	defer stop()
	began := time.Now().Add(-time.Minute).Truncate(time.Millisecond)
	post(t, in, "/v1/metrics", metersNow(began))
	select {
	case request := <-requests:
		require.Len(t, request.GetTimeseries(), 1)
		series := request.GetTimeseries()[0]
		symbols := request.GetSymbols()
		labels := map[string]string{}
		for i := 0; i+1 < len(series.GetLabelsRefs()); i += 2 {
			labels[symbols[series.GetLabelsRefs()[i]]] = symbols[series.GetLabelsRefs()[i+1]]
		}
		require.Equal(t, "orders_total", labels["__name__"])
		require.Equal(t, "book", labels["kind"])
		require.Equal(t, writev2.Metadata_METRIC_TYPE_COUNTER, series.GetMetadata().GetType())
		require.Len(t, series.GetSamples(), 1)
		require.EqualValues(t, 7, series.GetSamples()[0].GetValue())
		require.Equal(t, began.UnixMilli(), startOf(t, series.GetSamples()[0]))
		require.Len(t, series.GetExemplars(), 1)
		exemplar := series.GetExemplars()[0]
		require.Equal(t, []string{"event", "e-1"}, []string{symbols[exemplar.GetLabelsRefs()[0]], symbols[exemplar.GetLabelsRefs()[1]]})
	case <-time.After(30 * time.Second):
		t.Fatal(log.String())
	}
}
