// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"crypto/tls"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	"google.golang.org/protobuf/proto"

	flowv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/flow/v1"
	"github.com/aeolus-ebpf/aeolus/internal/controller/controllertest"
	"github.com/aeolus-ebpf/aeolus/internal/controller/engine"
	"github.com/aeolus-ebpf/aeolus/internal/loss"
	"github.com/aeolus-ebpf/aeolus/internal/model"
	"github.com/aeolus-ebpf/aeolus/internal/pki"
	"github.com/aeolus-ebpf/aeolus/internal/wire"
)

// recorder keeps what a made-up world sends.
type recorder struct {
	batches []*model.Batch
	events  []model.Event
}

func (r *recorder) ApplyBatch(b *model.Batch)   { r.batches = append(r.batches, b) }
func (r *recorder) ApplyEvents(e []model.Event) { r.events = append(r.events, e...) }

// FuzzIngest feeds bytes as a batch and as events, all the way into the graph. Nothing may break, and the accounts of
// every stage must agree.
func FuzzIngest(f *testing.F) {
	now := time.Unix(1_700_000_000, 0)
	seen := &recorder{}
	world := controllertest.NewShop(1)
	world.Switch("frontend", "catalogue", controllertest.FaultRefuse)
	world.Step(seen, now)
	for _, batch := range seen.batches {
		bytes, err := proto.Marshal(wire.EncodeBatch(batch))
		require.NoError(f, err)
		f.Add(bytes, []byte{})
	}
	bytes, err := proto.Marshal(&logspb.LogsData{ResourceLogs: wire.EventsToOTLP(wire.Reporter{Node: "made-up", AgentID: "a"}, seen.events[:2])})
	require.NoError(f, err)
	f.Add([]byte{}, bytes)
	f.Fuzz(func(t *testing.T, batch, events []byte) {
		ledger := loss.NewLedger()
		at := now
		state := engine.New(engine.Config{Ledger: ledger, Now: func() time.Time { return at }})
		server, err := New(Config{TLS: &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert}, Sink: state, Ledger: ledger}) //nolint:gosec // never listens
		require.NoError(t, err)
		defer server.Close()
		encoded := new(flowv1.Batch)
		if proto.Unmarshal(batch, encoded) == nil {
			_, _ = server.takeBatch(pki.Identity{Kind: pki.KindAgent, Name: encoded.GetNode()}, encoded)
		}
		logs := new(logspb.LogsData)
		if proto.Unmarshal(events, logs) == nil {
			_, _, _ = server.takeEvents(pki.Identity{Kind: pki.KindCollector, Name: "c"}, logs.GetResourceLogs())
		}
		for range 12 {
			at = at.Add(time.Second)
			state.Tick()
		}
		for _, count := range ledger.Counts() {
			if count.Stage == "reduce" {
				// Connections that are still open are held.
				require.GreaterOrEqual(t, count.In, count.Out+count.Lost())
				continue
			}
			require.Equal(t, count.In, count.Out+count.Lost(), count.Stage)
		}
	})
}
