// SPDX-License-Identifier: Apache-2.0

package receive

import (
	"context"
	"net/http"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	// Senders may compress.
	_ "google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	flowv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/flow/v1"
	"github.com/aeolus-ebpf/aeolus/internal/controller/credential"
	"github.com/aeolus-ebpf/aeolus/internal/defect"
	"github.com/aeolus-ebpf/aeolus/internal/wire"
)

const (
	metricsService = "opentelemetry.proto.collector.metrics.v1.MetricsService"
	logsService    = "opentelemetry.proto.collector.logs.v1.LogsService"
)

// services are the paths of gRPC.
var services = [...]string{metricsService, logsService, flowv1.FlowService_ServiceDesc.ServiceName}

// newServer makes the handler of gRPC: it shares a port and a guard with everything else that is answered over HTTP.
func (r *Receiver) newServer() http.Handler {
	server := grpc.NewServer(grpc.MaxRecvMsgSize(max(maxBody, wire.MaxMessageBytes)), grpc.UnaryInterceptor(r.guard))
	server.RegisterService(rawService(metricsService, r.metricsCall), r)
	server.RegisterService(rawService(logsService, r.logsCall), r)
	flowv1.RegisterFlowServiceServer(server, flows{r: r})
	return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		if request.ProtoMajor < 2 {
			http.Error(w, "gRPC needs HTTP/2", http.StatusHTTPVersionNotSupported)
			return
		}
		server.ServeHTTP(w, request)
	})
}

// rawService describes one of OTLP's services, which have one method. Its request is left encoded: as an empty message, of
// which all is unknown.
func rawService(name string, take func(context.Context, []byte) ([]byte, error)) *grpc.ServiceDesc {
	return &grpc.ServiceDesc{
		ServiceName: name,
		HandlerType: (*any)(nil),
		Methods: []grpc.MethodDesc{{
			MethodName: "Export",
			Handler: func(server any, ctx context.Context, decode func(any) error, guard grpc.UnaryServerInterceptor) (any, error) {
				request := new(emptypb.Empty)
				if err := decode(request); err != nil {
					return nil, err
				}
				return guard(ctx, request, &grpc.UnaryServerInfo{Server: server, FullMethod: "/" + name + "/Export"},
					func(ctx context.Context, request any) (any, error) {
						answer, err := take(ctx, request.(*emptypb.Empty).ProtoReflect().GetUnknown())
						if err != nil {
							return nil, err
						}
						response := new(emptypb.Empty)
						response.ProtoReflect().SetUnknown(answer)
						return response, nil
					})
			},
		}},
	}
}

// guard keeps a panic that a message provokes from ending the controller.
func (r *Receiver) guard(ctx context.Context, request any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (answer any, err error) {
	fault := defect.Guard(func() error {
		answer, err = next(ctx, request)
		return nil
	})
	if fault != nil {
		r.config.Logger.Error("receiving OTLP", "method", info.FullMethod, "error", fault)
		return nil, status.Error(codes.InvalidArgument, "the controller could not take this: a defect in Aeolus, which its log describes")
	}
	return answer, err
}

func (r *Receiver) metricsCall(ctx context.Context, body []byte) ([]byte, error) {
	r.requests.In(1)
	if err := credential.Check(ctx, credential.Write); err != nil {
		r.requests.Drop("permission", 1)
		return nil, status.Error(codes.PermissionDenied, err.Error())
	}
	r.requests.Out(1)
	outcome := r.config.Metrics.TakeOTLP(ctx, body, false)
	if outcome.Code != http.StatusOK {
		return nil, status.Error(grpcCode(outcome.Code), outcome.Text)
	}
	return partial(outcome.Refused, outcome.Text), nil
}

func (r *Receiver) logsCall(ctx context.Context, body []byte) ([]byte, error) {
	r.requests.In(1)
	if err := maySend(ctx); err != nil {
		r.requests.Drop("permission", 1)
		return nil, status.Error(codes.PermissionDenied, err.Error())
	}
	r.requests.Out(1)
	rejected, why, err := r.takeLogs(ctx, body, false)
	if err != nil {
		return nil, err
	}
	return partial(rejected, why), nil
}

// flows takes flow batches.
type flows struct {
	flowv1.UnimplementedFlowServiceServer
	r *Receiver
}

// Export takes a batch of flows.
func (f flows) Export(ctx context.Context, request *flowv1.ExportRequest) (*flowv1.ExportResponse, error) {
	f.r.requests.In(1)
	if err := f.r.mayReport(ctx); err != nil {
		f.r.requests.Drop("permission", 1)
		return nil, err
	}
	f.r.requests.Out(1)
	return f.r.config.Reports.TakeFlows(credential.From(ctx).Name, request.GetBatch())
}

// mayReport tells whether whoever sends may speak for agents.
func (r *Receiver) mayReport(ctx context.Context) error {
	if err := credential.Check(ctx, credential.Report); err != nil {
		return status.Error(codes.PermissionDenied, err.Error())
	}
	if r.config.Reports == nil {
		return status.Error(codes.Unimplemented, "this controller takes no reports of agents")
	}
	return nil
}
