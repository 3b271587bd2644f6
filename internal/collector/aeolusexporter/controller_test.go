// SPDX-License-Identifier: Apache-2.0

package aeolusexporter

import (
	"context"
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/protobuf/proto"

	flowv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/flow/v1"
	"github.com/aeolus-ebpf/aeolus/internal/names"
	"github.com/aeolus-ebpf/aeolus/internal/pki"
	"github.com/aeolus-ebpf/aeolus/internal/wire"
)

// controller is the next hop: a gRPC server that keeps what it was told, in order.
type controller struct {
	t       *testing.T
	tls     credentials.TransportCredentials
	address string

	mu sync.Mutex
	// order tells events by their ids and batches by their sequence numbers.
	order []any
	// answer decides on each message, by kind; nil takes it.
	answer func(context.Context, kind) (proto.Message, error)
	// most is how many events it can take in time; 0 for any number.
	most int
	stop func()
}

func newController(t *testing.T, authority *pki.Authority) *controller {
	t.Helper()
	certificate, err := authority.IssueServer("127.0.0.1")
	require.NoError(t, err)
	c := &controller{t: t, tls: credentials.NewTLS(pki.ServerConfig(certificate, authority.Pool()))}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	c.address = listener.Addr().String()
	c.serve(listener)
	t.Cleanup(func() { c.stop() })
	return c
}

func (c *controller) serve(listener net.Listener) {
	server := grpc.NewServer(grpc.Creds(c.tls), grpc.MaxRecvMsgSize(wire.MaxMessageBytes), grpc.MaxConcurrentStreams(16))
	flowv1.RegisterFlowServiceServer(server, flowSide{c: c})
	plogotlp.RegisterGRPCServer(server, &logSide{c: c})
	var served sync.WaitGroup
	served.Go(func() { _ = server.Serve(listener) })
	c.stop = sync.OnceFunc(func() { server.Stop(); served.Wait() })
}

// restart listens where it did before.
func (c *controller) restart() {
	c.t.Helper()
	listener, err := net.Listen("tcp", c.address)
	require.NoError(c.t, err)
	c.serve(listener)
}

// got is everything so far.
func (c *controller) got() []any {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]any(nil), c.order...)
}

func (c *controller) decide(ctx context.Context, k kind) (proto.Message, error) {
	c.mu.Lock()
	answer := c.answer
	c.mu.Unlock()
	if answer == nil {
		return nil, nil
	}
	return answer(ctx, k)
}

func (c *controller) set(answer func(context.Context, kind) (proto.Message, error)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answer = answer
}

type flowSide struct {
	flowv1.UnimplementedFlowServiceServer
	c *controller
}

func (s flowSide) Export(ctx context.Context, request *flowv1.ExportRequest) (*flowv1.ExportResponse, error) {
	answer, err := s.c.decide(ctx, flows)
	if err != nil {
		return nil, err
	}
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	s.c.order = append(s.c.order, request.GetBatch().GetSequence())
	if answer != nil {
		return answer.(*flowv1.ExportResponse), nil
	}
	return &flowv1.ExportResponse{}, nil
}

type logSide struct {
	plogotlp.UnimplementedGRPCServer
	c *controller
}

func (s *logSide) Export(ctx context.Context, request plogotlp.ExportRequest) (plogotlp.ExportResponse, error) {
	response := plogotlp.NewExportResponse()
	_, err := s.c.decide(ctx, events)
	if err != nil {
		return response, err
	}
	s.c.mu.Lock()
	most := s.c.most
	s.c.mu.Unlock()
	if most > 0 && request.Logs().LogRecordCount() > most {
		<-ctx.Done()
		return response, ctx.Err()
	}
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	for _, resource := range request.Logs().ResourceLogs().All() {
		for _, scope := range resource.ScopeLogs().All() {
			for _, record := range scope.LogRecords().All() {
				id, _ := record.Attributes().Get(names.RecordID)
				s.c.order = append(s.c.order, id.AsString())
				if id.AsString() == "odd" {
					response.PartialSuccess().SetRejectedLogRecords(response.PartialSuccess().RejectedLogRecords() + 1)
					response.PartialSuccess().SetErrorMessage("odd")
				}
			}
		}
	}
	return response, nil
}
