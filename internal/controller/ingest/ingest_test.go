// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"bytes"
	"context"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/aeolus-ebpf/aeolus/internal/names"
	"github.com/aeolus-ebpf/aeolus/internal/pki"
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

// TestSort_othersComeByCollectors alone: what an agent sends is an agent's.
func TestSort_othersComeByCollectors(t *testing.T) {
	scope := func(name string) *logspb.ScopeLogs {
		return &logspb.ScopeLogs{Scope: &commonpb.InstrumentationScope{Name: name}, LogRecords: []*logspb.LogRecord{{}}}
	}
	sent := []*logspb.ResourceLogs{
		{ScopeLogs: []*logspb.ScopeLogs{scope(names.ScopeEvents), scope("a library")}}, {ScopeLogs: []*logspb.ScopeLogs{scope("")}},
	}
	s := &Server{config: Config{Others: func([]*logspb.ResourceLogs) uint64 { return 0 }}}
	ours, others := s.sort(pki.Identity{Kind: pki.KindCollector, Name: "hall"}, sent)
	require.Len(t, ours, 1)
	require.Equal(t, names.ScopeEvents, ours[0].GetScopeLogs()[0].GetScope().GetName())
	require.Len(t, others, 2)
	require.Equal(t, "a library", others[0].GetScopeLogs()[0].GetScope().GetName())
	ours, others = s.sort(pki.Identity{Kind: pki.KindAgent, Name: "node-1"}, sent)
	require.Equal(t, sent, ours)
	require.Empty(t, others)
	ours, _ = new(Server).sort(pki.Identity{Kind: pki.KindCollector, Name: "hall"}, sent)
	require.Equal(t, sent, ours)
}
