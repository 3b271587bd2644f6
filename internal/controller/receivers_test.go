// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	_ "google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	flowv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/flow/v1"
	queryv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/query/v1"
	"github.com/aeolus-ebpf/aeolus/internal/controller"
	"github.com/aeolus-ebpf/aeolus/internal/controller/credential"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
	"github.com/aeolus-ebpf/aeolus/internal/wire"
)

const (
	metricsMethod = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"
	logsMethod    = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"
)

// plain connects to the HTTP port by gRPC without TLS, as OTLP's exporters do.
func (p *place) plain(t *testing.T) *grpc.ClientConn {
	t.Helper()
	connection, err := grpc.NewClient(p.addresses.HTTP, grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	t.Cleanup(func() { _ = connection.Close() })
	return connection
}

func showing(t *testing.T, token string) context.Context {
	t.Helper()
	return metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+token)
}

func TestReceivers_grpcOnTheSamePort(t *testing.T) {
	p := start(t, func(c *controller.Config) {
		c.Credentials = []*credential.Credential{credential.New("writer", "writer-token", credential.Limits{}, credential.Write)}
	})
	client := p.plain(t)
	metrics := &metricspb.MetricsData{ResourceMetrics: []*metricspb.ResourceMetrics{{ScopeMetrics: []*metricspb.ScopeMetrics{{
		Metrics: []*metricspb.Metric{{Name: "gen", Data: &metricspb.Metric_Gauge{Gauge: &metricspb.Gauge{DataPoints: []*metricspb.NumberDataPoint{{
			TimeUnixNano: uint64(time.Now().UnixNano()), Value: &metricspb.NumberDataPoint_AsInt{AsInt: 7},
		}}}}}},
	}}}}}
	require.Equal(t, codes.Unauthenticated, status.Code(client.Invoke(t.Context(), metricsMethod, metrics, new(emptypb.Empty))))
	for _, options := range [][]grpc.CallOption{nil, {grpc.UseCompressor("gzip")}} {
		require.NoError(t, client.Invoke(showing(t, "writer-token"), metricsMethod, metrics, new(emptypb.Empty), options...))
	}
	headers := map[string]string{"Authorization": "Bearer " + token}
	code, _, body := p.ask(t, http.MethodGet, "/api/v1/query?query=gen", "", headers)
	require.Equal(t, 200, code)
	require.Contains(t, body, `"7"`)

	logs := &logspb.LogsData{ResourceLogs: []*logspb.ResourceLogs{{ScopeLogs: []*logspb.ScopeLogs{{LogRecords: []*logspb.LogRecord{{
		Body: &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: "hello from elsewhere"}},
	}}}}}}}
	require.NoError(t, client.Invoke(showing(t, "writer-token"), logsMethod, logs, new(emptypb.Empty)))
	testkit.Eventually(t, 10*time.Second, func() string {
		events, err := p.query().ListEvents(t.Context(), &queryv1.ListEventsRequest{})
		require.NoError(t, err)
		for _, event := range events.Events {
			if event.Kind == "log" && event.Text == "hello from elsewhere" {
				return ""
			}
		}
		return events.String()
	})

	flows := flowv1.NewFlowServiceClient(client)
	batch := &flowv1.ExportRequest{Batch: wire.EncodeBatch(traffic(1))}
	_, err := flows.Export(showing(t, "writer-token"), batch)
	require.Equal(t, codes.PermissionDenied, status.Code(err))
	_, err = flows.Export(showing(t, token), batch)
	require.NoError(t, err)
	drawn, err := p.query().GetGraph(t.Context(), &queryv1.GetGraphRequest{})
	require.NoError(t, err)
	require.Len(t, drawn.Edges, 1)
}

func TestReceivers_permissions(t *testing.T) {
	p := start(t, func(c *controller.Config) {
		c.Credentials = []*credential.Credential{
			credential.New("writer", "writer-token", credential.Limits{}, credential.Write),
			credential.New("reader", "reader-token", credential.Limits{}, credential.Read),
		}
	})
	for _, attempt := range []struct {
		token, method, path, kind string
		want                      int
	}{
		{"writer-token", http.MethodGet, "/api/v1/query?query=up", "", 403},
		{"reader-token", http.MethodGet, "/api/v1/query?query=up", "", 200},
		{"writer-token", http.MethodGet, "/metrics", "", 403},
		{"reader-token", http.MethodGet, "/metrics", "", 200},
		{"reader-token", http.MethodPost, "/api/v1/write", "application/x-protobuf", 403},
		{"writer-token", http.MethodPost, "/api/v1/write", "application/json", 415},
		{"reader-token", http.MethodPost, "/v1/metrics", "application/json", 403},
		{"writer-token", http.MethodPost, "/v1/metrics", "application/json", 200},
		{"writer-token", http.MethodPost, "/api/v1/otlp/v1/metrics", "application/json", 200},
		{"writer-token", http.MethodPost, "/v1/logs", "application/json", 200},
		{"writer-token", http.MethodPost, statusPath, "application/json", 403},
		{"reader-token", http.MethodPost, statusPath, "application/json", 200},
		{"writer-token", http.MethodGet, "/", "", 403},
		{"", http.MethodGet, "/-/ready", "", 200},
		{"", http.MethodGet, "/metrics", "", 401},
	} {
		headers := map[string]string{"Content-Type": attempt.kind}
		if attempt.token != "" {
			headers["Authorization"] = "Bearer " + attempt.token
		}
		content := "{}"
		if attempt.method == http.MethodGet {
			content = ""
		}
		code, _, body := p.ask(t, attempt.method, attempt.path, content, headers)
		require.Equal(t, attempt.want, code, "%s %s by %s: %s", attempt.method, attempt.path, attempt.token, body)
	}
	_, _, figures := p.ask(t, http.MethodGet, "/metrics", "", map[string]string{"Authorization": "Bearer " + token})
	require.Contains(t, figures, `aeolus_controller_stage_dropped_total{reason="content-type",stage="metrics.requests"} 1`)
	require.Contains(t, figures, `aeolus_controller_build_info{version="v0"} 1`)
	require.Contains(t, figures, "prometheus_tsdb_head_series")
}
