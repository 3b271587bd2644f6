// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"sync"

	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/protobuf/types/known/emptypb"

	controlv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/control/v1"
	flowv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/flow/v1"
	"github.com/aeolus-ebpf/aeolus/internal/model"
	"github.com/aeolus-ebpf/aeolus/internal/wire"
)

// sink stands where a controller would, on what would be another host: it takes everything, keeps what it was asked to
// watch for, and assigns nothing, so that the agent runs its defaults.
type sink struct {
	controlv1.UnimplementedControlServiceServer
	flowv1.UnimplementedFlowServiceServer

	address string
	stop    func()

	mu      sync.Mutex
	states  map[string]*controlv1.AssignmentStatus
	port    uint16
	closed  map[uint64]struct{}
	dropped map[string]uint64
}

func newSink(config *tls.Config) (*sink, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listening for the agent: %w", err)
	}
	s := &sink{address: listener.Addr().String(), closed: map[uint64]struct{}{}, dropped: map[string]uint64{}}
	server := grpc.NewServer(grpc.Creds(credentials.NewTLS(config)), grpc.MaxRecvMsgSize(wire.MaxMessageBytes))
	controlv1.RegisterControlServiceServer(server, s)
	flowv1.RegisterFlowServiceServer(server, s)
	server.RegisterService(&grpc.ServiceDesc{
		ServiceName: "opentelemetry.proto.collector.logs.v1.LogsService", HandlerType: (*any)(nil),
		Methods: []grpc.MethodDesc{{MethodName: "Export", Handler: discardLogs}},
	}, s)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener)
	}()
	s.stop = sync.OnceFunc(func() { server.Stop(); <-done })
	return s, nil
}

func discardLogs(_ any, _ context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
	var logs logspb.LogsData
	return &emptypb.Empty{}, decode(&logs)
}

// Attach listens to an agent and assigns nothing.
func (s *sink) Attach(stream controlv1.ControlService_AttachServer) error {
	for {
		message, err := stream.Recv()
		if err != nil {
			return err
		}
		if report := message.GetReport(); report != nil {
			states := map[string]*controlv1.AssignmentStatus{}
			for _, status := range report.GetAssignments() {
				states[status.GetId()] = status
			}
			s.mu.Lock()
			s.states = states
			s.mu.Unlock()
		}
	}
}

// Export takes a batch, and looks into it if there is something to watch for.
func (s *sink) Export(_ context.Context, request *flowv1.ExportRequest) (*flowv1.ExportResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.port == 0 {
		return &flowv1.ExportResponse{}, nil
	}
	batch, _, err := wire.DecodeBatch(request.GetBatch(), nil)
	if err != nil {
		return nil, fmt.Errorf("reading what the agent saw: %w", err)
	}
	for i := range batch.Flows {
		flow := &batch.Flows[i]
		if flow.Closed && flow.Role == model.RoleClient && flow.Remote.Port() == s.port {
			s.closed[flow.Cookie] = struct{}{}
		}
	}
	for _, stage := range batch.Stages {
		for reason, n := range stage.Dropped {
			s.dropped[stage.Stage+" "+reason] = n
		}
	}
	return &flowv1.ExportResponse{}, nil
}

// watch begins to count the connections to a port that have ended, each once.
func (s *sink) watch(port uint16) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.port = port
	clear(s.closed)
}

// seen is how many of them the agent has reported.
func (s *sink) seen() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.closed)
}

// state is how an assignment's sensor is.
func (s *sink) state(id string) *controlv1.AssignmentStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.states[id]
}
