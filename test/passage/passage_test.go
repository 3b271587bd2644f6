// SPDX-License-Identifier: Apache-2.0

package passage

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	flowv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/flow/v1"
	"github.com/aeolus-ebpf/aeolus/internal/model"
	"github.com/aeolus-ebpf/aeolus/internal/pki"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
	"github.com/aeolus-ebpf/aeolus/internal/wire"
)

// rows is how many rows the desk has applied.
func rows(agents ...*agent) (n uint64) {
	for _, a := range agents {
		for _, batch := range a.wantBatches {
			n += uint64(len(batch.Flows))
		}
	}
	return n
}

// TestPassage_exact feeds two controllers at once: they agree with what was sent, and so with each other.
func TestPassage_exact(t *testing.T) {
	h := newHall(t, 2, "")
	agents := []*agent{newAgent(h, 1), newAgent(h, 2), newAgent(h, 3)}
	for _, a := range agents {
		a.seconds(60)
	}
	for _, d := range h.desks {
		for _, a := range agents {
			a.answered()
			a.arrived(d)
		}
		require.Equal(t, rows(agents...), d.count("ingest.flows").Out)
		require.Zero(t, d.count("ingest.batches").Lost())
		require.Zero(t, d.count("ingest.flows").Lost())
	}
}

// TestPassage_collectorKilled holds that agents keep what a collector has not answered for.
func TestPassage_collectorKilled(t *testing.T) {
	h := newHall(t, 1, "")
	one, two := newAgent(h, 1), newAgent(h, 2)
	for range 4 {
		one.seconds(20)
		two.seconds(20)
		h.stop()
		one.seconds(5)
		h.start()
	}
	one.arrived(h.desks[0])
	two.arrived(h.desks[0])
	batches := h.desks[0].count("ingest.batches")
	require.Equal(t, batches.In, batches.Out+batches.Dropped["duplicate"], "what came twice was not applied twice")
}

// TestPassage_tenMinutes holds that a controller may be away for long, and the collector be killed meanwhile: agents are
// answered all the while, and everything arrives afterwards, in order.
func TestPassage_tenMinutes(t *testing.T) {
	h := newHall(t, 1, t.TempDir())
	d := h.desks[0]
	one, two := newAgent(h, 1), newAgent(h, 2)
	one.seconds(3)
	one.arrived(d)
	d.line.cut()
	for range 3 {
		one.seconds(100)
		two.seconds(100)
		one.answered()
		two.answered()
		h.stop()
		one.seconds(100)
		h.start()
	}
	one.answered()
	d.line.mend()
	one.seconds(3)
	one.arrived(d)
	two.arrived(d)
	require.Equal(t, rows(one, two), d.count("ingest.flows").Out)
	require.Zero(t, d.count("ingest.batches").Dropped["sequence-gap"])
}

// TestPassage_sentAgain holds that what one of two controllers could not take is sent again to both, and counted once.
func TestPassage_sentAgain(t *testing.T) {
	h := newHall(t, 2, "")
	a := newAgent(h, 1)
	a.seconds(2)
	a.answered()
	h.desks[1].line.cut()
	a.seconds(10)
	testkit.Eventually(t, patience, func() string {
		if h.desks[0].count("ingest.batches").Dropped["duplicate"] == 0 {
			return "nothing has come twice"
		}
		return ""
	})
	h.desks[1].line.mend()
	a.answered()
	for _, d := range h.desks {
		a.arrived(d)
		require.Equal(t, rows(a), d.count("ingest.flows").Out)
	}
}

// TestPassage_latency shows what the hop costs: the same small batch, straight to the controller and through the
// collector, in turns. It judges nothing.
func TestPassage_latency(t *testing.T) {
	h := newHall(t, 1, t.TempDir())
	certificate, err := h.authority.IssueAgent("node-1")
	require.NoError(t, err)
	trust := grpc.WithTransportCredentials(credentials.NewTLS(pki.ClientConfig(certificate, h.authority.Pool())))
	var sides [2]flowv1.FlowServiceClient
	for i, address := range []string{h.desks[0].line.to, h.address} {
		connection, err := grpc.NewClient(address, trust)
		require.NoError(t, err)
		t.Cleanup(func() { _ = connection.Close() })
		sides[i] = flowv1.NewFlowServiceClient(connection)
	}
	var took [2][]time.Duration
	for n := range 400 {
		for i, side := range sides {
			batch := &model.Batch{Node: "node-1", AgentID: "0123456789abcdef", Sequence: uint64(2*n + i + 1), Taken: time.Now(), Mono: uint64(n + 1)}
			began := time.Now()
			_, err := side.Export(t.Context(), &flowv1.ExportRequest{Batch: wire.EncodeBatch(batch)})
			require.NoError(t, err)
			took[i] = append(took[i], time.Since(began))
		}
	}
	for i, name := range []string{"straight to the controller", "through the collector"} {
		slices.Sort(took[i])
		t.Logf("%s: p50 %s, p99 %s", name, took[i][len(took[i])/2], took[i][len(took[i])*99/100])
	}
}
