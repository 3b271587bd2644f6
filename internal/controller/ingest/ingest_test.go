// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"bytes"
	"context"
	"log/slog"
	"testing"
	"time"

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

func TestSequences(t *testing.T) {
	s := newSequences()
	now := time.Unix(1, 0)
	take := func(number uint64) verdict { return s.take("a", number, now) }
	require.Equal(t, verdict{fresh: true}, take(10), "what came before went to somebody else")
	require.Equal(t, verdict{}, take(10))
	require.Equal(t, verdict{fresh: true}, take(11))
	require.Equal(t, verdict{fresh: true, skipped: 2}, take(14))
	require.EqualValues(t, 2, s.lost())
	require.Equal(t, verdict{fresh: true, late: true}, take(12))
	require.Equal(t, verdict{}, take(12))
	require.EqualValues(t, 1, s.lost())
	require.Equal(t, verdict{fresh: true, skipped: 5000}, take(5015))
	require.Equal(t, verdict{}, take(13), "too old to tell")
	require.EqualValues(t, 5001, s.lost())
	require.Equal(t, verdict{fresh: true}, s.take("b", 1, now))
	for i := range 2 * maxAgents {
		s.take(string(rune(i+1000)), 1, now.Add(time.Duration(i)))
	}
	require.LessOrEqual(t, len(s.agents), maxAgents)
}

// FuzzSequences holds the accounts together whatever comes.
func FuzzSequences(f *testing.F) {
	f.Add([]byte{1, 2, 3, 3, 9, 4})
	f.Add([]byte{200, 1, 255, 254, 1})
	f.Fuzz(func(t *testing.T, numbers []byte) {
		s := newSequences()
		distinct := map[uint64]bool{}
		fresh := uint64(0)
		for _, n := range numbers {
			number := uint64(n) + 1
			if s.take("a", number, time.Unix(0, 0)).fresh {
				require.False(t, distinct[number], "taken twice")
				fresh++
			}
			distinct[number] = true
		}
		if len(numbers) > 0 {
			require.LessOrEqual(t, s.lost(), uint64(256))
			require.LessOrEqual(t, fresh, uint64(len(distinct)))
		}
	})
}
