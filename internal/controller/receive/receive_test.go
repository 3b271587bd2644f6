// SPDX-License-Identifier: Apache-2.0

package receive

import (
	"bytes"
	"compress/gzip"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	"google.golang.org/protobuf/proto"

	flowv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/flow/v1"
	"github.com/aeolus-ebpf/aeolus/internal/controller/credential"
	"github.com/aeolus-ebpf/aeolus/internal/controller/engine"
	"github.com/aeolus-ebpf/aeolus/internal/controller/store/metrics"
	"github.com/aeolus-ebpf/aeolus/internal/loss"
	"github.com/aeolus-ebpf/aeolus/internal/names"
)

// heard keeps what a receiver passes on.
type heard struct {
	bodies  int
	outcome metrics.Outcome
	batches []*flowv1.Batch
	events  int
	logs    []engine.Log
}

func (h *heard) TakeOTLP(context.Context, []byte, bool) metrics.Outcome {
	h.bodies++
	return h.outcome
}

func (h *heard) TakeFlows(_ string, batch *flowv1.Batch) (*flowv1.ExportResponse, error) {
	h.batches = append(h.batches, batch)
	return &flowv1.ExportResponse{}, nil
}

func (h *heard) TakeEvents(_ string, resources []*logspb.ResourceLogs) (uint64, string, error) {
	for _, resource := range resources {
		for _, scope := range resource.GetScopeLogs() {
			h.events += len(scope.GetLogRecords())
		}
	}
	return 0, "", nil
}

func (h *heard) ApplyLogs(records []engine.Log) { h.logs = append(h.logs, records...) }

var now = time.Unix(1_700_000_000, 0)

func receiver(h *heard) (*http.ServeMux, *loss.Ledger) {
	ledger := loss.NewLedger()
	mux := http.NewServeMux()
	New(Config{Metrics: h, Reports: h, Logs: h, Ledger: ledger, LogsPerSecond: 1, Now: func() time.Time { return now }}).Mount(mux)
	return mux, ledger
}

// post sends a body with a credential that has the permissions.
func post(mux http.Handler, path, kind, encoding string, body []byte, permissions ...credential.Permission) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, path, bytes.NewReader(body))
	r.Header.Set("Content-Type", kind)
	if encoding != "" {
		r.Header.Set("Content-Encoding", encoding)
	}
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, r.WithContext(credential.Into(r.Context(), credential.New("tester", "x", credential.Limits{}, permissions...))))
	return w
}

func value(text string) *commonpb.AnyValue {
	return &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: text}}
}

// request makes records of a scope.
func request(scope string, n int) *logspb.LogsData {
	made := &logspb.ScopeLogs{Scope: &commonpb.InstrumentationScope{Name: scope}}
	for range n {
		made.LogRecords = append(made.LogRecords, &logspb.LogRecord{
			TimeUnixNano: uint64(now.Add(-time.Second).UnixNano()), Body: value("disk is full" + strings.Repeat("!", 2000)), SeverityText: "ERROR",
			Attributes: []*commonpb.KeyValue{{Key: "disk", Value: value("sda")}},
		})
	}
	return &logspb.LogsData{ResourceLogs: []*logspb.ResourceLogs{{
		Resource: &resourcepb.Resource{Attributes: []*commonpb.KeyValue{
			{Key: names.HostName, Value: value("n1")}, {Key: names.ServiceName, Value: value("kubelet")},
		}},
		ScopeLogs: []*logspb.ScopeLogs{made},
	}}}
}

func encoded(t testing.TB, message proto.Message) []byte {
	t.Helper()
	body, err := proto.Marshal(message)
	require.NoError(t, err)
	return body
}

func TestLogs_ofOthersBecomeEventsOfTheirOwnKind(t *testing.T) {
	h := &heard{}
	mux, _ := receiver(h)
	w := post(mux, LogsPath, protobufType, "", encoded(t, request("other", 2)), credential.Write)
	require.Equal(t, 200, w.Code, w.Body.String())
	require.Empty(t, w.Body.String())
	require.Len(t, h.logs, 2)
	require.Equal(t, "n1", h.logs[0].Node)
	require.Equal(t, "kubelet", h.logs[0].Process)
	require.Len(t, h.logs[0].Text, maxText)
	require.Equal(t, map[string]string{"severity": "ERROR", "disk": "sda"}, h.logs[0].Attributes)
	require.True(t, now.Add(-time.Second).Equal(h.logs[0].Time))
}

func TestLogs_moreThanThereIsTimeForAreDropped(t *testing.T) {
	h := &heard{}
	mux, ledger := receiver(h)
	w := post(mux, LogsPath, jsonType, "", []byte(`{"resourceLogs":[{"scopeLogs":[{"logRecords":[`+
		strings.Repeat(`{"timeUnixNano":"1700000000000000000","traceId":"5b8efff798038103d269b633813fc60c","body":{"stringValue":"hello"},"severityNumber":9},`, 14)+
		`{"body":{"intValue":"7"}}]}]}]}`), credential.Write)
	require.Equal(t, 200, w.Code, w.Body.String())
	require.Contains(t, w.Body.String(), `"rejectedLogRecords":"5"`)
	require.Len(t, h.logs, 10)
	for _, count := range ledger.Counts() {
		require.Equal(t, count.In, count.Out+count.Lost(), count.Stage)
		if count.Stage == "receive.logs" {
			require.Equal(t, uint64(5), count.Dropped["rate-limit"])
		}
	}
}

func TestLogs_ofAeolusNeedThePermissionToReport(t *testing.T) {
	h := &heard{}
	mux, _ := receiver(h)
	events := request(names.ScopeEvents, 3)
	require.Equal(t, 403, post(mux, LogsPath, protobufType, "", encoded(t, events), credential.Write).Code)
	require.Zero(t, h.events)
	require.Equal(t, 200, post(mux, LogsPath, protobufType, "", encoded(t, events), credential.Report).Code)
	require.Equal(t, 3, h.events)
	require.Equal(t, 403, post(mux, LogsPath, protobufType, "", encoded(t, request("other", 1)), credential.Report).Code)
	flows := request(names.ScopeFlow, 2)
	batch := encoded(t, &flowv1.Batch{Node: "n1"})
	flows.ResourceLogs[0].ScopeLogs[0].LogRecords[0].Body = &commonpb.AnyValue{Value: &commonpb.AnyValue_BytesValue{BytesValue: batch}}
	flows.ResourceLogs[0].ScopeLogs[0].LogRecords[1].Body = &commonpb.AnyValue{Value: &commonpb.AnyValue_BytesValue{BytesValue: []byte{0xff}}}
	w := post(mux, LogsPath, protobufType, "", encoded(t, flows), credential.Report)
	require.Equal(t, 200, w.Code)
	require.Equal(t, "n1", h.batches[0].GetNode())
	require.NotEmpty(t, w.Body.Bytes(), "one was rejected")
}

func packed(t *testing.T, body []byte) []byte {
	t.Helper()
	var into bytes.Buffer
	w := gzip.NewWriter(&into)
	_, err := w.Write(body)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return into.Bytes()
}

func TestHTTP_bodiesThatAreRefused(t *testing.T) {
	h := &heard{outcome: metrics.Outcome{Code: 200}}
	mux, ledger := receiver(h)
	deep := []byte(`{"resourceLogs":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + `}`)
	for name, attempt := range map[string]struct {
		path, kind, encoding string
		body                 []byte
		want                 int
	}{
		"text":            {LogsPath, "text/plain", "", nil, 415},
		"zstd":            {LogsPath, protobufType, "zstd", nil, 415},
		"not gzip":        {MetricsPath, protobufType, "gzip", []byte("hello"), 400},
		"a bomb":          {MetricsPath, protobufType, "gzip", packed(t, make([]byte, 9<<20)), 413},
		"long":            {PrometheusMetricsPath, protobufType, "", make([]byte, 9<<20), 413},
		"not protobuf":    {LogsPath, protobufType, "", []byte("hello"), 400},
		"not JSON":        {LogsPath, jsonType, "", []byte("hello"), 400},
		"deep JSON":       {LogsPath, jsonType, "", deep, 400},
		"JSON of objects": {LogsPath, jsonType, "", bytes.Repeat([]byte("{},"), 200_000), 400},
		"empty records":   {LogsPath, protobufType, "", bytes.Repeat([]byte{0x0a, 0x00}, 200_000), 400},
		"gzip":            {MetricsPath, protobufType, "gzip", packed(t, []byte("anything")), 200},
	} {
		w := post(mux, attempt.path, attempt.kind, attempt.encoding, attempt.body)
		require.Equal(t, attempt.want, w.Code, "%s: %s", name, w.Body.String())
	}
	require.Equal(t, 1, h.bodies, "what was refused went no further")
	require.Empty(t, h.logs)
	for _, count := range ledger.Counts() {
		require.Equal(t, count.In, count.Out+count.Lost(), count.Stage)
	}
}

func TestHTTP_metricsAnswers(t *testing.T) {
	h := &heard{outcome: metrics.Outcome{Code: 429, Text: "too many", Again: 3}}
	mux, _ := receiver(h)
	w := post(mux, MetricsPath, jsonType, "", []byte("{}"), credential.Write)
	require.Equal(t, 429, w.Code)
	require.Equal(t, "3", w.Header().Get("Retry-After"))
	require.Contains(t, w.Body.String(), "too many")
	require.Equal(t, 403, post(mux, MetricsPath, jsonType, "", []byte("{}"), credential.Read).Code)
}

func FuzzLogs(f *testing.F) {
	f.Add(encoded(f, request("other", 2)), false)
	f.Add(encoded(f, request(names.ScopeEvents, 1)), false)
	f.Add([]byte(`{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"x"}}]}]}]}`), true)
	f.Fuzz(func(t *testing.T, body []byte, asJSON bool) {
		h := &heard{}
		mux, ledger := receiver(h)
		kind := protobufType
		if asJSON {
			kind = jsonType
		}
		post(mux, LogsPath, kind, "", body)
		for _, record := range h.logs {
			require.LessOrEqual(t, len(record.Text), maxText)
			require.LessOrEqual(t, len(record.Attributes), maxAttributes)
		}
		for _, count := range ledger.Counts() {
			require.Equal(t, count.In, count.Out+count.Lost(), count.Stage)
		}
	})
}

// TestLogs_crowd: a small body can hold a lot, and many who send it at once must not take all memory.
func TestLogs_crowd(t *testing.T) {
	h := &heard{}
	ledger := loss.NewLedger()
	r := New(Config{Metrics: h, Reports: h, Logs: h, Ledger: ledger, Now: func() time.Time { return now }})
	mux := http.NewServeMux()
	r.Mount(mux)
	data := request("app", 1)
	for range 40_000 {
		data.ResourceLogs[0].ScopeLogs[0].LogRecords = append(data.ResourceLogs[0].ScopeLogs[0].LogRecords, &logspb.LogRecord{
			Attributes: []*commonpb.KeyValue{{}, {}, {}, {}, {}, {}, {}, {}},
		})
	}
	body := encoded(t, data)
	weight, err := r.weigh(body, false)
	require.NoError(t, err)
	require.Greater(t, weight, int64(30<<20), "less than a megabyte becomes this much")
	require.Less(t, len(body), 1<<20)
	require.True(t, r.slots.Take(decodedBytes-weight+1))
	w := post(mux, LogsPath, protobufType, "", body, credential.Write)
	require.Equal(t, 503, w.Code)
	require.Equal(t, "1", w.Header().Get("Retry-After"))
	require.Empty(t, h.logs)
	r.slots.Give(decodedBytes - weight + 1)
	require.Equal(t, 200, post(mux, LogsPath, protobufType, "", body, credential.Write).Code)
	require.True(t, r.slots.Take(decodedBytes), "all was given back")
}

// TestLogs_permission is asked for before anything is read.
func TestLogs_permission(t *testing.T) {
	mux, ledger := receiver(&heard{})
	for _, kind := range []string{protobufType, jsonType} {
		require.Equal(t, 403, post(mux, LogsPath, kind, "", []byte("x"), credential.Read, credential.Admin).Code)
	}
	for _, count := range ledger.Counts() {
		require.Zero(t, count.In, count.Stage)
	}
}
