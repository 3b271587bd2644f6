// SPDX-License-Identifier: Apache-2.0

package query

import (
	"math"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	queryv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/query/v1"
	"github.com/aeolus-ebpf/aeolus/internal/controller/engine"
	"github.com/aeolus-ebpf/aeolus/internal/loss"
)

// TestTimes_absurd: a time that is none is the asker's fault, and what is answered can be written.
func TestTimes_absurd(t *testing.T) {
	ledger := loss.NewLedger()
	s := New(Config{Engine: engine.New(engine.Config{Ledger: ledger}), Ledger: ledger})
	for _, at := range []*timestamppb.Timestamp{
		{Seconds: math.MinInt64}, {Seconds: math.MaxInt64}, {Seconds: -62135596800}, {Nanos: -1}, {Seconds: 1, Nanos: math.MaxInt32},
		timestamppb.New(time.Unix(0, 0)), timestamppb.New(time.Unix(253402300799, 0)), timestamppb.New(time.Date(1, 1, 1, 0, 0, 1, 0, time.UTC)),
	} {
		ask := map[string]func() (proto.Message, error){
			"graph": func() (proto.Message, error) { return s.GetGraph(t.Context(), &queryv1.GetGraphRequest{At: at}) },
			"events to": func() (proto.Message, error) {
				return s.ListEvents(t.Context(), &queryv1.ListEventsRequest{To: at})
			},
			"connections from": func() (proto.Message, error) {
				return s.ListConnections(t.Context(), &queryv1.ListConnectionsRequest{From: at})
			},
			"anomalies": func() (proto.Message, error) {
				return s.ListAnomalies(t.Context(), &queryv1.ListAnomaliesRequest{From: at, To: at})
			},
			"series": func() (proto.Message, error) {
				return s.GetSeries(t.Context(), &queryv1.GetSeriesRequest{EdgeId: "x", From: at, To: at})
			},
		}
		for name, f := range ask {
			answer, err := f()
			if err != nil {
				require.Contains(t, []connect.Code{connect.CodeInvalidArgument, connect.CodeNotFound, connect.CodeFailedPrecondition}, connect.CodeOf(err), "%s: %s", name, err)
				continue
			}
			_, err = protojson.Marshal(answer)
			require.NoError(t, err, "%s at %v", name, at)
		}
	}
}
