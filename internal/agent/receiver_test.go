// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"crypto/tls"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	controlv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/control/v1"
	flowv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/flow/v1"
	"github.com/aeolus-ebpf/aeolus/internal/model"
	"github.com/aeolus-ebpf/aeolus/internal/pki"
	"github.com/aeolus-ebpf/aeolus/internal/wire"
)

// trust is an authority with the two sides' TLS.
type trust struct {
	server, agent *tls.Config
}

func newTrust(t testing.TB, node string) trust {
	t.Helper()
	authority, err := pki.NewAuthority()
	require.NoError(t, err)
	server, err := authority.IssueServer("127.0.0.1")
	require.NoError(t, err)
	agent, err := authority.IssueAgent(node)
	require.NoError(t, err)
	return trust{pki.ServerConfig(server, authority.Pool()), pki.ClientConfig(agent, authority.Pool())}
}

// receiver is a controller's port: a real gRPC server that keeps what it was told.
type receiver struct {
	controlv1.UnimplementedControlServiceServer
	flowv1.UnimplementedFlowServiceServer

	// answer decides on each batch; nil takes it.
	answer func(context.Context, *flowv1.Batch) (*flowv1.ExportResponse, error)
	// answerEvents decides on events; nil takes them.
	answerEvents func(context.Context, int) error
	// states are sent to each agent that attaches.
	states chan *controlv1.DesiredState

	mu      sync.Mutex
	batches []*model.Batch
	seen    map[uint64]int
	events  []model.Event
	twin    atomic.Bool
	hellos  []*controlv1.Hello
	reports []*controlv1.Report
}

func newReceiver() *receiver {
	return &receiver{states: make(chan *controlv1.DesiredState, 16), seen: map[uint64]int{}}
}

// serve listens on an address until the returned function is called.
func (r *receiver) serve(t testing.TB, address string, config *tls.Config) (string, func()) {
	t.Helper()
	listener, err := net.Listen("tcp", address)
	require.NoError(t, err)
	server := grpc.NewServer(grpc.Creds(credentials.NewTLS(config)), grpc.MaxRecvMsgSize(wire.MaxMessageBytes))
	controlv1.RegisterControlServiceServer(server, r)
	flowv1.RegisterFlowServiceServer(server, r)
	server.RegisterService(&grpc.ServiceDesc{
		ServiceName: "opentelemetry.proto.collector.logs.v1.LogsService", HandlerType: (*any)(nil),
		Methods: []grpc.MethodDesc{{MethodName: "Export", Handler: exportLogs}},
	}, r)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener)
	}()
	stop := sync.OnceFunc(func() { server.Stop(); <-done })
	t.Cleanup(stop)
	return listener.Addr().String(), stop
}

func exportLogs(server any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
	r := server.(*receiver)
	var logs logspb.LogsData
	if err := decode(&logs); err != nil {
		return nil, err
	}
	events, _, err := wire.EventsFromOTLP(logs.ResourceLogs, nil)
	if err != nil {
		return nil, err
	}
	if r.answerEvents != nil {
		if err := r.answerEvents(ctx, len(events)); err != nil {
			return nil, err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, events...)
	return &emptypb.Empty{}, nil
}

func (r *receiver) Export(ctx context.Context, request *flowv1.ExportRequest) (*flowv1.ExportResponse, error) {
	response := &flowv1.ExportResponse{}
	if r.answer != nil {
		var err error
		if response, err = r.answer(ctx, request.Batch); err != nil {
			return nil, err
		}
	}
	batch, _, err := wire.DecodeBatch(request.Batch, nil)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen[batch.Sequence]++
	if r.seen[batch.Sequence] == 1 {
		r.batches = append(r.batches, batch)
	}
	return response, nil
}

func (r *receiver) Attach(stream controlv1.ControlService_AttachServer) error {
	first, err := stream.Recv()
	if err != nil {
		return err
	}
	r.mu.Lock()
	r.hellos = append(r.hellos, first.GetHello())
	r.mu.Unlock()
	if r.twin.Load() {
		// As when another agent has attached for the same node at once.
		_ = stream.Send(desired("c", 1))
		return status.Error(codes.Aborted, "another agent has attached for the same node")
	}
	received := make(chan error, 1)
	go func() {
		for {
			message, err := stream.Recv()
			if err != nil {
				received <- err
				return
			}
			r.mu.Lock()
			r.reports = append(r.reports, message.GetReport())
			r.mu.Unlock()
		}
	}()
	for {
		select {
		case err := <-received:
			return err
		case state := <-r.states:
			if err := stream.Send(state); err != nil {
				return err
			}
		}
	}
}

// flows are all rows received.
func (r *receiver) flows() []model.Flow {
	r.mu.Lock()
	defer r.mu.Unlock()
	var flows []model.Flow
	for _, batch := range r.batches {
		flows = append(flows, batch.Flows...)
	}
	return flows
}

func (r *receiver) gotEvents() []model.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]model.Event(nil), r.events...)
}

// statuses are the last report's, by id, with its generation.
func (r *receiver) statuses() (uint64, map[string]*controlv1.AssignmentStatus) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.reports) == 0 {
		return 0, nil
	}
	last := r.reports[len(r.reports)-1]
	byID := map[string]*controlv1.AssignmentStatus{}
	for _, status := range last.GetAssignments() {
		byID[status.GetId()] = status
	}
	return last.GetGeneration(), byID
}
