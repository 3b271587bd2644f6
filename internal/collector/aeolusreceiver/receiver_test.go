// SPDX-License-Identifier: Apache-2.0

package aeolusreceiver

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"

	flowv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/flow/v1"
	"github.com/aeolus-ebpf/aeolus/internal/collector/passage"
	"github.com/aeolus-ebpf/aeolus/internal/model"
	"github.com/aeolus-ebpf/aeolus/internal/names"
	"github.com/aeolus-ebpf/aeolus/internal/pki"
	"github.com/aeolus-ebpf/aeolus/internal/wire"
)

func sum(metric metricdata.Metrics, reason string) (total int64) {
	for _, point := range metric.Data.(metricdata.Sum[int64]).DataPoints {
		if value, ok := point.Attributes.Value("reason"); ok && value.AsString() == reason {
			total += point.Value
		}
	}
	return total
}

func flowBatch(node string, sequence uint64) *flowv1.Batch {
	return &flowv1.Batch{
		Node: node, AgentId: "0123456789abcdef", Sequence: sequence, WallUnixNano: 5,
		Endpoints: []*flowv1.Endpoint{{Workload: "a"}}, Rows: &flowv1.Rows{Cookie: []uint64{1, 2}},
	}
}

func export(t *testing.T, connection *grpc.ClientConn, batch *flowv1.Batch) (*flowv1.ExportResponse, error) {
	t.Helper()
	return flowv1.NewFlowServiceClient(connection).Export(t.Context(), &flowv1.ExportRequest{Batch: batch})
}

func exportEvents(t *testing.T, connection *grpc.ClientConn, node string, count int) (*emptypb.Empty, error) {
	t.Helper()
	events := make([]model.Event, count)
	for i := range events {
		events[i] = model.Event{ID: "x", Kind: model.EventRefused, Node: node, Time: time.Unix(1, 0), Received: time.Unix(1, 0)}
	}
	response := new(emptypb.Empty)
	logs := &logspb.LogsData{ResourceLogs: wire.EventsToOTLP(wire.Reporter{Node: node, AgentID: "a"}, events)}
	return response, connection.Invoke(t.Context(), passage.LogsExport, logs, response)
}

func partial(t *testing.T, response *emptypb.Empty) plogotlp.ExportPartialSuccess {
	t.Helper()
	bytes, err := proto.Marshal(response)
	require.NoError(t, err)
	decoded := plogotlp.NewExportResponse()
	require.NoError(t, decoded.UnmarshalProto(bytes))
	return decoded.PartialSuccess()
}

func TestReceiver_aBatchIsOneRecord(t *testing.T) {
	b := newBench(t)
	agent := b.dial("n1")
	response, err := export(t, agent, flowBatch("n1", 3))
	require.NoError(t, err)
	require.Empty(t, response.GetRejected())
	require.Len(t, b.sink.logs, 1)
	scope := b.sink.logs[0].ResourceLogs().At(0).ScopeLogs().At(0)
	require.Equal(t, names.ScopeFlow, scope.Scope().Name())
	got := new(flowv1.Batch)
	require.NoError(t, proto.Unmarshal(scope.LogRecords().At(0).Body().Bytes().AsRaw(), got))
	require.True(t, proto.Equal(flowBatch("n1", 3), got))

	answer, err := exportEvents(t, agent, "n1", 3)
	require.NoError(t, err)
	require.Zero(t, partial(t, answer).RejectedLogRecords())
	require.Len(t, b.sink.logs, 2)
	require.Equal(t, 3, b.sink.logs[1].LogRecordCount())
	metric, err := b.telemetry.GetMetric("otelcol_receiver_accepted_log_records")
	require.NoError(t, err)
	require.Equal(t, int64(4), metric.Data.(metricdata.Sum[int64]).DataPoints[0].Value)
}

func TestReceiver_anAgentSpeaksForItsNodeAlone(t *testing.T) {
	b := newBench(t)
	agent := b.dial("n1")
	_, err := export(t, agent, flowBatch("n2", 1))
	require.Equal(t, codes.PermissionDenied, status.Code(err))
	require.ErrorContains(t, err, `the batch is of node "n2", but the certificate is of the agent on node "n1"`)
	answer, err := exportEvents(t, agent, "n2", 3)
	require.NoError(t, err)
	require.Equal(t, int64(3), partial(t, answer).RejectedLogRecords())
	require.Equal(t, `3 records were not for the agent on node "n1" to send`, partial(t, answer).ErrorMessage())
	require.Empty(t, b.sink.logs)
	require.Equal(t, int64(4), b.refused("wrong-node"))

	certificate, err := b.authority.IssueCollector("front")
	require.NoError(t, err)
	front := b.connect(credentials.NewTLS(pki.ClientConfig(certificate, b.authority.Pool())))
	for _, node := range []string{"n1", "n2"} {
		_, err = export(t, front, flowBatch(node, 1))
		require.NoError(t, err, "a collector in front speaks for any node")
		_, err = exportEvents(t, front, node, 1)
		require.NoError(t, err)
	}
	_, err = export(t, front, flowBatch("", 1))
	require.Equal(t, codes.PermissionDenied, status.Code(err))
	require.Len(t, b.sink.logs, 4)
}

// TestReceiver_noBatchAsALogRecord holds the way round: as a log record a batch would pass unread.
func TestReceiver_noBatchAsALogRecord(t *testing.T) {
	b := newBench(t)
	raw, err := proto.Marshal(flowBatch("n2", 1))
	require.NoError(t, err)
	logs := passage.BatchLogs(passage.Header{Node: "n1", AgentID: "a"}, raw)
	request, err := plogotlp.NewExportRequestFromLogs(logs).MarshalProto()
	require.NoError(t, err)
	posing := new(logspb.LogsData)
	require.NoError(t, proto.Unmarshal(request, posing))
	response := new(emptypb.Empty)
	require.NoError(t, b.dial("n1").Invoke(t.Context(), passage.LogsExport, posing, response))
	require.Equal(t, int64(1), partial(t, response).RejectedLogRecords())
	require.Empty(t, b.sink.logs)
	require.Equal(t, int64(1), b.refused("wrong-service"))
}

// TestReceiver_twoNodes holds that a resource that names two nodes is of none: the next to read it might take the other.
func TestReceiver_twoNodes(t *testing.T) {
	b := newBench(t)
	text := func(key, value string) *commonpb.KeyValue {
		return &commonpb.KeyValue{Key: key, Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: value}}}
	}
	for _, attributes := range [][]*commonpb.KeyValue{
		{text(names.HostName, "n1"), text(names.HostName, "n2")}, {text(names.HostName, "n2"), text(names.HostName, "n1")},
		{text("service.name", "x")}, {{Key: names.HostName, Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_IntValue{IntValue: 1}}}},
	} {
		logs := &logspb.LogsData{ResourceLogs: []*logspb.ResourceLogs{{
			Resource: &resourcepb.Resource{Attributes: attributes}, ScopeLogs: []*logspb.ScopeLogs{{LogRecords: []*logspb.LogRecord{{}}}},
		}}}
		response := new(emptypb.Empty)
		require.NoError(t, b.dial("n1").Invoke(t.Context(), passage.LogsExport, logs, response))
		require.Equal(t, int64(1), partial(t, response).RejectedLogRecords())
	}
	require.Empty(t, b.sink.logs)
}

func TestReceiver_strangers(t *testing.T) {
	b := newBench(t)
	others, err := pki.NewAuthority()
	require.NoError(t, err)
	foreign, err := others.IssueAgent("n1")
	require.NoError(t, err)
	for name, config := range map[string]*tls.Config{
		"another authority": pki.ClientConfig(foreign, b.authority.Pool()),
		"no certificate":    {RootCAs: b.authority.Pool(), MinVersion: tls.VersionTLS13},
	} {
		_, err := export(t, b.connect(credentials.NewTLS(config)), flowBatch("n1", 1))
		require.Equal(t, codes.Unavailable, status.Code(err), name)
	}
}

func TestReceiver_whatIsNoReport(t *testing.T) {
	b := newBench(t)
	agent := b.dial("n1")
	for _, message := range []proto.Message{&emptypb.Empty{}, &flowv1.ExportRequest{Batch: &flowv1.Batch{Node: "n1"}}} {
		err := agent.Invoke(t.Context(), passage.FlowExport, message, new(emptypb.Empty))
		require.Equal(t, codes.InvalidArgument, status.Code(err))
	}
	err := agent.Invoke(t.Context(), passage.LogsExport, &flowv1.Batch{Node: "no logs"}, new(emptypb.Empty))
	require.Equal(t, codes.InvalidArgument, status.Code(err))
	require.Equal(t, int64(3), b.refused("malformed"))
	huge := flowBatch("n1", 1)
	huge.Endpoints[0].Workload = strings.Repeat("x", wire.MaxMessageBytes)
	_, err = export(t, agent, huge)
	require.Equal(t, codes.ResourceExhausted, status.Code(err))
	_, err = export(t, agent, flowBatch("n1", 2))
	require.NoError(t, err, "the same connection goes on")
}

// TestReceiver_answersWhenTheNextHasAnswered holds what an agent is told of what became of its report.
func TestReceiver_answersWhenTheNextHasAnswered(t *testing.T) {
	b := newBench(t)
	agent := b.dial("n1")
	for _, test := range []struct {
		err  error
		want codes.Code
	}{
		{errors.New("away"), codes.Unavailable},
		{consumererror.NewPermanent(errors.New("never")), codes.InvalidArgument},
	} {
		b.sink.answer = func(context.Context, plog.Logs) error { return test.err }
		_, err := export(t, agent, flowBatch("n1", 1))
		require.Equal(t, test.want, status.Code(err))
		_, err = exportEvents(t, agent, "n1", 1)
		require.Equal(t, test.want, status.Code(err))
	}
	b.sink.answer = func(ctx context.Context, _ plog.Logs) error {
		passage.Report(ctx, passage.Rejected{Rows: map[string]uint64{"port": 2}, Records: 1, Why: "no kind"})
		return nil
	}
	response, err := export(t, agent, flowBatch("n1", 1))
	require.NoError(t, err)
	require.Len(t, response.GetRejected(), 1)
	require.True(t, proto.Equal(&flowv1.LossCount{Reason: "port", Count: 2}, response.GetRejected()[0]))
	answer, err := exportEvents(t, agent, "n1", 2)
	require.NoError(t, err)
	require.Equal(t, int64(1), partial(t, answer).RejectedLogRecords())
	require.Equal(t, "no kind", partial(t, answer).ErrorMessage())

	b.sink.answer = func(context.Context, plog.Logs) error { panic("oh") }
	_, err = export(t, agent, flowBatch("n1", 1))
	require.Equal(t, codes.InvalidArgument, status.Code(err))
	require.NotContains(t, err.Error(), "oh")
}

// TestReceiver_endsWhatIsUnderWay holds that a shutdown does not wait for agents, and leaves nothing running.
func TestReceiver_endsWhatIsUnderWay(t *testing.T) {
	b := newBench(t)
	begun := make(chan struct{})
	b.sink.answer = func(ctx context.Context, _ plog.Logs) error {
		close(begun)
		<-ctx.Done()
		return ctx.Err()
	}
	agent := b.dial("n1")
	failed := make(chan error, 1)
	go func() {
		_, err := flowv1.NewFlowServiceClient(agent).Export(context.Background(), &flowv1.ExportRequest{Batch: flowBatch("n1", 1)})
		failed <- err
	}()
	<-begun
	require.NoError(t, b.receiver.Shutdown(t.Context()))
	require.Equal(t, codes.Unavailable, status.Code(<-failed), "so that it is sent again")
	require.Empty(t, b.sink.logs)
}

func TestReceiver_lifecycle(t *testing.T) {
	require.NoError(t, componenttest.CheckConfigStruct(defaultConfig()))
	authority, err := pki.NewAuthority()
	require.NoError(t, err)
	config := configOf(t, authority)
	create := func() *agentReceiver {
		made, err := newReceiver(receivertest.NewNopSettings(NewFactory().Type()), config, new(sink))
		require.NoError(t, err)
		return made
	}
	require.NoError(t, create().Shutdown(t.Context()), "it need not have been started")
	for range 2 {
		made := create()
		require.NoError(t, made.Start(t.Context(), componenttest.NewNopHost()))
		second := create()
		require.ErrorContains(t, second.Start(t.Context(), componenttest.NewNopHost()), "address already in use")
		require.NoError(t, made.Shutdown(t.Context()))
	}
	agent, err := authority.IssueAgent("n1")
	require.NoError(t, err)
	encoded, err := authority.EncodePEM(agent)
	require.NoError(t, err)
	require.False(t, bytes.Equal(encoded.Certificate, []byte(config.TLS.CertPEM)))
	config.TLS.CertPEM, config.TLS.KeyPEM = pem(encoded.Certificate), pem(encoded.Key)
	require.ErrorContains(t, create().Start(t.Context(), componenttest.NewNopHost()), "issue one from that authority",
		"an agent's certificate serves nobody")
}
