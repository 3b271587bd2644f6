// SPDX-License-Identifier: Apache-2.0

package aeolusreceiver

import (
	"context"

	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"github.com/aeolus-ebpf/aeolus/internal/collector/passage"
	"github.com/aeolus-ebpf/aeolus/internal/defect"
	"github.com/aeolus-ebpf/aeolus/internal/pki"
)

// taker takes both kinds of reports; the services below are written by hand, so that messages reach it as they came.
type taker interface {
	takeBatch(ctx context.Context, sender pki.Identity, request []byte) ([]byte, error)
	takeLogs(ctx context.Context, sender pki.Identity, request []byte) ([]byte, error)
}

var flowService = service(passage.FlowService, passage.FlowExport, taker.takeBatch)

var logsService = service(passage.LogsService, passage.LogsExport, taker.takeLogs)

type method func(taker, context.Context, pki.Identity, []byte) ([]byte, error)

func service(name, full string, call method) grpc.ServiceDesc {
	return grpc.ServiceDesc{
		ServiceName: name,
		HandlerType: (*taker)(nil),
		Methods: []grpc.MethodDesc{{
			MethodName: "Export",
			Handler: func(server any, ctx context.Context, decode func(any) error, guard grpc.UnaryServerInterceptor) (any, error) {
				request := new(passage.Frame)
				if err := decode(request); err != nil {
					return nil, err
				}
				take := func(ctx context.Context, _ any) (any, error) {
					sender, err := senderOf(ctx)
					if err != nil {
						return nil, err
					}
					answer, err := call(server.(taker), ctx, sender, request.Bytes)
					if err != nil {
						return nil, err
					}
					return &passage.Frame{Bytes: answer}, nil
				}
				return guard(ctx, request, &grpc.UnaryServerInfo{Server: server, FullMethod: full}, take)
			},
		}},
	}
}

// senderOf gives who the certificate of a call's sender was issued to: an agent, or a collector in front of this one.
func senderOf(ctx context.Context) (pki.Identity, error) {
	sender, ok := peer.FromContext(ctx)
	if !ok {
		return pki.Identity{}, status.Error(codes.Unauthenticated, "the sender is not known")
	}
	info, ok := sender.AuthInfo.(credentials.TLSInfo)
	if !ok {
		return pki.Identity{}, status.Error(codes.Unauthenticated, "the sender showed no certificate")
	}
	identity, err := pki.IdentityOfPeer(info.State)
	if err != nil {
		return pki.Identity{}, status.Error(codes.Unauthenticated, err.Error())
	}
	return identity, nil
}

// guard keeps a panic that a message provokes from ending the collector. Sent again, the same message would do the same,
// so that the sender is told to drop it.
func (r *agentReceiver) guard(ctx context.Context, request any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (answer any, err error) {
	fault := defect.Guard(func() error {
		answer, err = next(ctx, request)
		return nil
	})
	if fault != nil {
		r.settings.Logger.Error("serving an agent", zap.String("method", info.FullMethod), zap.Error(fault))
		return nil, status.Error(codes.InvalidArgument, "the collector could not take this: a defect in Aeolus, which its log describes")
	}
	return answer, err
}

// answerTo turns what the next component says into what the sender is told: to drop a message that will never do, and to
// send any other again.
func answerTo(err error) error {
	if consumererror.IsPermanent(err) {
		return status.Error(codes.InvalidArgument, err.Error())
	}
	return status.Error(codes.Unavailable, err.Error())
}
