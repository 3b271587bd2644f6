// SPDX-License-Identifier: Apache-2.0

package aeolusexporter

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	flowv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/flow/v1"
	"github.com/aeolus-ebpf/aeolus/internal/collector/passage"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

func TestExporter_answersWhenTheControllerHas(t *testing.T) {
	b := newBench(t)
	c := b.controllers[0]
	require.NoError(t, b.batch(1))
	require.NoError(t, b.events("a", "b"))
	require.Equal(t, []any{uint64(1), "a", "b"}, c.got())
	b.settled()
	require.Zero(t, b.hops[0].spooled[flows].Load())

	ctx, rejections := passage.WithRejections(t.Context())
	require.NoError(t, b.exporter.ConsumeLogs(ctx, eventLogs("odd", "c")))
	c.set(func(context.Context, kind) (proto.Message, error) {
		return &flowv1.ExportResponse{Rejected: []*flowv1.LossCount{{Reason: "port", Count: 3}}}, nil
	})
	require.NoError(t, b.exporter.ConsumeLogs(ctx, batchLogs(2)))
	require.Equal(t, passage.Rejected{Records: 1, Why: "odd", Rows: map[string]uint64{"port": 3}}, rejections.Total())
	b.settled()
	require.Equal(t, uint64(1), b.hops[0].ledger.Counts()[events].Dropped["rejected"])
	require.Equal(t, uint64(3), b.hops[0].rows.Load())
}

func TestExporter_refusedForGood(t *testing.T) {
	b := newBench(t, withStorage)
	b.controllers[0].set(func(context.Context, kind) (proto.Message, error) {
		return nil, status.Error(codes.InvalidArgument, "columns")
	})
	err := b.batch(1)
	require.True(t, consumererror.IsPermanent(err), err)
	require.ErrorContains(t, err, "columns")
	b.settled()
	require.Equal(t, uint64(1), b.hops[0].ledger.Counts()[flows].Dropped["refused"])
}

// TestExporter_withoutStorage holds that what cannot be sent is given back.
func TestExporter_withoutStorage(t *testing.T) {
	b := newBench(t)
	require.NoError(t, b.batch(1))
	b.controllers[0].stop()
	err := b.batch(2)
	require.Error(t, err)
	require.False(t, consumererror.IsPermanent(err))
	require.ErrorContains(t, err, "handing flows to "+b.controllers[0].address)
	b.controllers[0].restart()
	testkit.Eventually(t, patience, func() string {
		if err := b.batch(2); err != nil {
			return err.Error()
		}
		return ""
	})
	b.settled()
	require.Equal(t, uint64(2), b.hops[0].ledger.Counts()[flows].In, "what was given back has not come in")
}

// TestExporter_controllerAway holds that nothing is lost or out of order while a controller is away for long, and that
// events come first when it is back.
func TestExporter_controllerAway(t *testing.T) {
	b := newBench(t, withStorage)
	c := b.controllers[0]
	require.NoError(t, b.batch(1))
	c.stop()
	// Ten minutes of an agent that reports once a second.
	var wantEvents, wantFlows []any
	for n := uint64(2); n <= 600; n++ {
		require.NoError(t, b.batch(n))
		wantFlows = append(wantFlows, n)
		if n%10 == 0 {
			id := fmt.Sprintf("event-%d", n)
			require.NoError(t, b.events(id, id+"b"))
			wantEvents = append(wantEvents, id, id+"b")
		}
	}
	require.Equal(t, uint64(599), b.hops[0].spooled[flows].Load())
	held, bytes := b.hops[0].lanes[flows].Load().Held()
	require.Equal(t, uint64(599), held)
	require.Positive(t, bytes)
	c.restart()
	b.await(c, append(append([]any{uint64(1)}, wantEvents...), wantFlows...)...)
	b.settled()
	require.NoError(t, b.batch(601))
	require.Equal(t, uint64(601), c.got()[len(c.got())-1])
	require.Equal(t, uint64(599), b.hops[0].spooled[flows].Load(), "what comes then does not touch the disk")
}

// TestExporter_goesBehindWhatIsHeld holds the order while the controller is back and the disk is not empty yet.
func TestExporter_goesBehindWhatIsHeld(t *testing.T) {
	b := newBench(t, withStorage)
	c := b.controllers[0]
	c.set(func(context.Context, kind) (proto.Message, error) {
		return nil, status.Error(codes.Unavailable, "busy")
	})
	require.NoError(t, b.batch(1))
	require.NoError(t, b.batch(2))
	c.set(nil)
	var want []any
	for n := uint64(1); n <= 200; n++ {
		if n > 2 {
			require.NoError(t, b.batch(n))
		}
		want = append(want, n)
	}
	b.await(c, want...)
	b.settled()
}

// TestExporter_slowController holds that one that does not answer in time is taken for being away.
func TestExporter_slowController(t *testing.T) {
	b := newBench(t, withStorage, func(b *bench) { b.config.Timeout = 50 * time.Millisecond })
	c := b.controllers[0]
	var slow sync.Once
	c.set(func(ctx context.Context, _ kind) (proto.Message, error) {
		slow.Do(func() { <-ctx.Done() })
		return nil, ctx.Err()
	})
	require.NoError(t, b.batch(1))
	b.await(c, uint64(1))
	b.settled()
	require.Equal(t, uint64(1), b.hops[0].spooled[flows].Load())
}

// TestExporter_senderGoesAway holds that a sender who does not wait for the answer keeps what it has.
func TestExporter_senderGoesAway(t *testing.T) {
	b := newBench(t, withStorage, func(b *bench) { b.config.Timeout = time.Minute })
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	b.controllers[0].set(func(ctx context.Context, _ kind) (proto.Message, error) {
		cancel()
		<-ctx.Done()
		return nil, ctx.Err()
	})
	require.ErrorIs(t, b.exporter.ConsumeLogs(ctx, batchLogs(2)), context.Canceled)
	require.Zero(t, b.hops[0].spooled[flows].Load())
	b.settled()
}

// TestExporter_twoControllers holds that each gets everything, whatever becomes of the other.
func TestExporter_twoControllers(t *testing.T) {
	b := newBench(t, withStorage, withControllers(2))
	one, two := b.controllers[0], b.controllers[1]
	require.NoError(t, b.batch(1))
	two.stop()
	require.NoError(t, b.batch(2))
	require.NoError(t, b.events("a"))
	b.await(one, uint64(1), uint64(2), "a")
	// Another order of the same endpoints mixes nothing up.
	b.stop()
	b.config.Endpoints[0], b.config.Endpoints[1] = two.address, one.address
	b.start()
	require.NoError(t, b.batch(3))
	two.restart()
	b.await(two, uint64(1), "a", uint64(2), uint64(3))
	b.await(one, uint64(1), uint64(2), "a", uint64(3))
	b.settled()
	one.set(func(context.Context, kind) (proto.Message, error) {
		return nil, status.Error(codes.InvalidArgument, "no")
	})
	require.NoError(t, b.batch(4), "one of them has taken it")
	b.await(two, uint64(1), "a", uint64(2), uint64(3), uint64(4))
}

func TestExporter_oneAwayWithoutStorage(t *testing.T) {
	b := newBench(t, withControllers(2))
	b.controllers[1].stop()
	require.Error(t, b.batch(1), "it is to be sent again")
	b.await(b.controllers[0], uint64(1))
}

func TestExporter_diskFull(t *testing.T) {
	b := newBench(t, withStorage)
	c := b.controllers[0]
	c.stop()
	require.NoError(t, b.batch(1))
	b.shelf.full.Store(true)
	err := b.batch(2)
	require.ErrorIs(t, err, errFull)
	require.False(t, consumererror.IsPermanent(err), "the sender keeps it")
	require.ErrorIs(t, b.events("a"), errFull)
	require.Equal(t, uint64(1), b.hops[0].failed[flows].Load())
	require.Equal(t, uint64(1), b.hops[0].failed[events].Load())
	c.restart()
	b.await(c, uint64(1))
	b.settled()
	require.NoError(t, b.batch(2), "a disk that is full keeps nothing from a controller that is there")
	b.await(c, uint64(1), uint64(2))
	b.shelf.full.Store(false)
}

// TestExporter_refusedFromDisk holds that one message that will never do keeps nothing back.
func TestExporter_refusedFromDisk(t *testing.T) {
	b := newBench(t, withStorage)
	c := b.controllers[0]
	c.stop()
	require.NoError(t, b.events("a"))
	require.NoError(t, b.events("bad"))
	require.NoError(t, b.events("c"))
	var calls int
	c.set(func(_ context.Context, k kind) (proto.Message, error) {
		// The three together; after the first of them the two others; and the second.
		if calls++; calls == 1 || calls == 3 || calls == 4 {
			return nil, status.Error(codes.InvalidArgument, "one of them is bad")
		}
		return nil, nil
	})
	c.restart()
	b.settled()
	require.Equal(t, []any{"a", "c"}, c.got())
	require.Equal(t, uint64(1), b.hops[0].ledger.Counts()[events].Dropped["refused"])
}

// TestExporter_tooMuchAtOnce holds that a controller that cannot take in time what is joined gets less at once.
func TestExporter_tooMuchAtOnce(t *testing.T) {
	b := newBench(t, withStorage, func(b *bench) { b.config.Timeout = 20 * time.Millisecond })
	c := b.controllers[0]
	c.stop()
	var want []any
	for n := range 40 {
		id := fmt.Sprintf("event-%d", n)
		require.NoError(t, b.events(id))
		want = append(want, id)
	}
	c.mu.Lock()
	c.most = 3
	c.mu.Unlock()
	c.restart()
	b.await(c, want...)
	b.settled()
}

// TestExporter_several holds that agents do not wait for each other.
func TestExporter_several(t *testing.T) {
	b := newBench(t)
	const callers = 8
	arrived := make(chan struct{}, callers)
	release := make(chan struct{})
	b.controllers[0].set(func(context.Context, kind) (proto.Message, error) {
		arrived <- struct{}{}
		<-release
		return nil, nil
	})
	var group sync.WaitGroup
	for n := range uint64(callers) {
		group.Go(func() { require.NoError(t, b.batch(n+1)) })
	}
	for range callers {
		<-arrived
	}
	close(release)
	group.Wait()
	b.settled()
}

func TestExporter_metrics(t *testing.T) {
	b := newBench(t, withStorage)
	require.NoError(t, b.events("a", "b"))
	b.controllers[0].stop()
	require.NoError(t, b.batch(1))
	for name, want := range map[string]int64{
		"otelcol_aeolus_exporter_in": 3, "otelcol_aeolus_exporter_sent": 2, "otelcol_aeolus_exporter_spooled": 1,
		"otelcol_aeolus_exporter_spool_failed": 0, "otelcol_aeolus_exporter_rejected_rows": 0, "otelcol_aeolus_exporter_spool_records": 1,
	} {
		metric, err := b.telemetry.GetMetric(name)
		require.NoError(t, err)
		var sum int64
		switch data := metric.Data.(type) {
		case metricdata.Sum[int64]:
			for _, point := range data.DataPoints {
				sum += point.Value
			}
		case metricdata.Gauge[int64]:
			for _, point := range data.DataPoints {
				sum += point.Value
			}
		}
		require.Equal(t, want, sum, name)
	}
}

func TestExporter_lifecycle(t *testing.T) {
	require.NoError(t, componenttest.CheckConfigStruct(defaultConfig()))
	b := newBench(t, withStorage)
	b.stop()
	b.start()
	b.stop()
	b.config.TLS.CertPEM = b.config.TLS.KeyPEM
	b.t = t
	require.ErrorContains(t, tryStart(t, b, host{}), "there is no extension file_storage: name one under service, extensions")
	require.ErrorContains(t, tryStart(t, b, hostWith(b.shelf)), "reading a certificate with its key")
	require.ErrorContains(t, tryStart(t, b, hostWith(componenttestNop{})), "extension file_storage stores nothing")
	strange, err := b.authority.IssueServer("x")
	require.NoError(t, err)
	encoded, err := b.authority.EncodePEM(strange)
	require.NoError(t, err)
	b.config.TLS.CertPEM, b.config.TLS.KeyPEM = opaque(encoded.Certificate), opaque(encoded.Key)
	require.ErrorContains(t, tryStart(t, b, hostWith(b.shelf)), "issue one from that authority")
}
