// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"crypto/rand"
	"crypto/tls"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	controlv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/control/v1"
	flowv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/flow/v1"
	queryv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/query/v1"
	"github.com/aeolus-ebpf/aeolus/internal/assign"
	"github.com/aeolus-ebpf/aeolus/internal/model"
	"github.com/aeolus-ebpf/aeolus/internal/pki"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
	"github.com/aeolus-ebpf/aeolus/internal/wire"
)

func sendEvents(t *testing.T, connection *grpc.ClientConn, events ...model.Event) *emptypb.Empty {
	t.Helper()
	response := new(emptypb.Empty)
	logs := &logspb.LogsData{ResourceLogs: wire.EventsToOTLP(wire.Reporter{Node: events[0].Node, AgentID: "0123456789abcdef"}, events)}
	require.NoError(t, connection.Invoke(t.Context(), "/opentelemetry.proto.collector.logs.v1.LogsService/Export", logs, response))
	return response
}

func TestAgent_speaksForItsOwnNodeAlone(t *testing.T) {
	p := start(t, nil)
	other := p.dial(t, "n2")
	require.Equal(t, codes.PermissionDenied, status.Code(send(t, other, traffic(1))))
	require.NotEmpty(t, sendEvents(t, other, refusal("x-1", time.Now())).ProtoReflect().GetUnknown(), "it is told that they were rejected")
	stream, err := controlv1.NewControlServiceClient(other).Attach(t.Context())
	require.NoError(t, err)
	require.NoError(t, stream.Send(&controlv1.AgentMessage{Message: &controlv1.AgentMessage_Hello{Hello: &controlv1.Hello{Node: "n1"}}}))
	_, err = stream.Recv()
	require.Equal(t, codes.PermissionDenied, status.Code(err))
	drawn, err := p.query().GetGraph(t.Context(), &queryv1.GetGraphRequest{})
	require.NoError(t, err)
	require.Empty(t, drawn.Nodes)
}

func TestAgent_withoutACertificateIsTurnedAway(t *testing.T) {
	p := start(t, nil)
	strangers, err := pki.NewAuthority()
	require.NoError(t, err)
	certificate, err := strangers.IssueAgent("n1")
	require.NoError(t, err)
	for name, config := range map[string]*tls.Config{
		"none":              {RootCAs: p.authority.Pool(), MinVersion: tls.VersionTLS13},
		"another authority": pki.ClientConfig(certificate, p.authority.Pool()),
	} {
		connection, err := grpc.NewClient(p.addresses.GRPC, grpc.WithTransportCredentials(credentials.NewTLS(config)))
		require.NoError(t, err)
		require.Equal(t, codes.Unavailable, status.Code(send(t, connection, traffic(1))), name)
		require.NoError(t, connection.Close())
	}
}

func TestAgent_isToldWhatToRun(t *testing.T) {
	p := start(t, nil)
	stream, err := controlv1.NewControlServiceClient(p.dial(t, "n1")).Attach(t.Context())
	require.NoError(t, err)
	require.NoError(t, stream.Send(&controlv1.AgentMessage{Message: &controlv1.AgentMessage_Hello{Hello: &controlv1.Hello{
		Node: "n1", AgentId: "0123456789abcdef", Version: "v1", Kernel: "6.1", Scope: "host",
		Features: []*controlv1.Feature{{Name: "ring buffer", Verdict: controlv1.Feature_VERDICT_YES}},
	}}}))
	message, err := stream.Recv()
	require.NoError(t, err)
	desired, err := assign.Decode(message)
	require.NoError(t, err)
	require.Len(t, desired.Assignments, 1)
	require.Equal(t, "tcp", desired.Assignments[0].Sensor.Name)

	require.NoError(t, stream.Send(&controlv1.AgentMessage{Message: &controlv1.AgentMessage_Report{
		Report: assign.EncodeReport(desired.Generation, []assign.Status{{ID: "default-tcp", State: assign.Running, Cost: assign.Cost{Runs: 7}}}),
	}}))
	testkit.Eventually(t, 5*time.Second, func() string {
		state, err := p.query().GetStatus(t.Context(), &queryv1.GetStatusRequest{})
		require.NoError(t, err)
		if len(state.Agents) != 1 || len(state.Agents[0].Assignments) != 1 || state.Agents[0].Assignments[0].State != "running" {
			return "the answer is not shown: " + state.String()
		}
		require.True(t, state.Agents[0].Connected)
		require.Equal(t, "yes", state.Agents[0].Features[0].Verdict)
		require.EqualValues(t, 7, state.Agents[0].Assignments[0].Runs)
		return ""
	})

	require.NoError(t, p.controller.Assignments().Assign("n1", assign.Assignment{ID: "more", Owner: "test", Sensor: assign.Sensor{Name: "udp"}}))
	message, err = stream.Recv()
	require.NoError(t, err)
	require.Len(t, message.Assignments, 2)
	require.Greater(t, message.Generation, desired.Generation)
	require.True(t, p.controller.Assignments().Withdraw("n1", "more"))
	message, err = stream.Recv()
	require.NoError(t, err)
	require.Len(t, message.Assignments, 1)
}

func TestAgent_garbageAndOversizedMessages(t *testing.T) {
	p := start(t, nil)
	noise := make([]byte, 64<<10)
	_, err := rand.Read(noise)
	require.NoError(t, err)
	for _, bytes := range [][]byte{noise, []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), []byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), {0}} {
		connection, err := net.Dial("tcp", p.addresses.GRPC)
		require.NoError(t, err)
		_, _ = connection.Write(bytes)
		require.NoError(t, connection.SetReadDeadline(time.Now().Add(20*time.Second)))
		_, err = io.Copy(io.Discard, connection)
		if err != nil {
			require.ErrorContains(t, err, "reset", "it is let go of, and not kept waiting")
		}
		require.NoError(t, connection.Close())
	}
	agent := p.dial(t, "n1")
	huge := wire.EncodeBatch(traffic(1))
	huge.Endpoints[0].Workload = strings.Repeat("x", 5<<20)
	_, err = flowv1.NewFlowServiceClient(agent).Export(t.Context(), &flowv1.ExportRequest{Batch: huge})
	require.Equal(t, codes.ResourceExhausted, status.Code(err))
	uneven := wire.EncodeBatch(traffic(1))
	uneven.Rows.Cookie = append(uneven.Rows.Cookie, 1)
	_, err = flowv1.NewFlowServiceClient(agent).Export(t.Context(), &flowv1.ExportRequest{Batch: uneven})
	require.Equal(t, codes.InvalidArgument, status.Code(err))
	require.NoError(t, send(t, agent, traffic(1)), "the same connection goes on")
}

// sendMany sends so many refusals at once.
func sendMany(t *testing.T, connection *grpc.ClientConn, number *int, count int) {
	t.Helper()
	events := make([]model.Event, 0, count)
	for range count {
		*number++
		events = append(events, refusal("0123456789abcdef-"+strconv.Itoa(*number+10), time.Now()))
	}
	sendEvents(t, connection, events...)
}
