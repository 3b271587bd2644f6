// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/aeolus-ebpf/aeolus/internal/defect"
)

// guardCall keeps a panic that a message provokes from ending the controller: the call fails, and the log tells where.
// Sent again, the same message would do the same, so that the agent is told to drop it.
func (s *Server) guardCall(ctx context.Context, request any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (answer any, err error) {
	fault := defect.Guard(func() error {
		answer, err = next(ctx, request)
		return nil
	})
	if fault != nil {
		return nil, s.told(info.FullMethod, fault)
	}
	return answer, err
}

// guardStream is guardCall for streams.
func (s *Server) guardStream(server any, stream grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) (err error) {
	fault := defect.Guard(func() error {
		err = next(server, stream)
		return nil
	})
	if fault != nil {
		return s.told(info.FullMethod, fault)
	}
	return err
}

func (s *Server) told(method string, fault error) error {
	s.config.Logger.Error("serving an agent", "method", method, "error", fault)
	return status.Error(codes.InvalidArgument, "the controller could not take this: a defect in Aeolus, which its log describes")
}
