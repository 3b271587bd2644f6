// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"bytes"
	"context"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
)

// TestGuard_aMessageThatBreaksSomething must not end the server, and says where it was.
func TestGuard_aMessageThatBreaksSomething(t *testing.T) {
	var log bytes.Buffer
	s := &Server{config: Config{Logger: slog.New(slog.NewTextHandler(&log, nil))}}
	_, err := s.guardCall(t.Context(), nil, &grpc.UnaryServerInfo{FullMethod: "/x"}, func(context.Context, any) (any, error) { panic("oh") })
	require.Equal(t, codes.InvalidArgument, status.Code(err))
	require.NotContains(t, err.Error(), "oh")
	require.Contains(t, log.String(), "panic: oh")
	err = s.guardStream(nil, nil, &grpc.StreamServerInfo{FullMethod: "/x"}, func(any, grpc.ServerStream) error { panic("oh") })
	require.Equal(t, codes.InvalidArgument, status.Code(err))
	// The method that is written by hand is guarded too.
	_, err = logsService.Methods[0].Handler(s, t.Context(), func(any) error { return nil },
		func(context.Context, any, *grpc.UnaryServerInfo, grpc.UnaryHandler) (any, error) {
			return &emptypb.Empty{}, context.Canceled
		})
	require.ErrorIs(t, err, context.Canceled)
}
