// SPDX-License-Identifier: Apache-2.0

package aeolusexporter

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"
	"google.golang.org/grpc"

	"github.com/aeolus-ebpf/aeolus/internal/collector/aeolusexporter/spool"
	"github.com/aeolus-ebpf/aeolus/internal/collector/passage"
	"github.com/aeolus-ebpf/aeolus/internal/loss"
)

// hop is one controller, with what waits for it.
type hop struct {
	endpoint   string
	timeout    time.Duration
	logger     *zap.Logger
	connection *grpc.ClientConn
	ledger     *loss.Ledger
	stages     [kinds]*loss.Stage
	// spooled and failed count records that went to disk, and those that could not; rows are those of flow batches that the
	// controller has rejected.
	spooled, failed [kinds]atomic.Uint64
	rows            atomic.Uint64

	// storage is nil, and so are the lanes, where none is configured.
	storage storage.Client
	lanes   [kinds]atomic.Pointer[spool.Lane]
	// wake holds a word when something has been put into an empty lane.
	wake  chan struct{}
	stop  context.CancelFunc
	drain sync.WaitGroup
}

func newHop(endpoint string, timeout time.Duration, logger *zap.Logger) *hop {
	h := &hop{
		endpoint: endpoint, timeout: timeout, logger: logger.With(zap.String("endpoint", endpoint)), ledger: loss.NewLedger(),
		wake: make(chan struct{}, 1),
	}
	for k := range h.stages {
		h.stages[k] = h.ledger.Stage("passage." + kind(k).String())
	}
	return h
}

// take sends parcels, or spools them. Every parcel is settled before the next, so that their order is kept.
func (h *hop) take(ctx context.Context, parcels []parcel) verdict {
	var v verdict
	for _, p := range parcels {
		rejected, err := h.takeOne(ctx, p)
		switch {
		case err == nil:
			v.rejected.Add(rejected)
		case hopeless(err):
			h.stages[p.kind].In(p.count)
			h.stages[p.kind].Drop("refused", p.count)
			v.refused = fmt.Errorf("%s refused %s: %w", h.endpoint, p.kind, err)
		default:
			v.err = fmt.Errorf("handing %s to %s: %w", p.kind, h.endpoint, err)
			return v
		}
	}
	return v
}

func (h *hop) takeOne(ctx context.Context, p parcel) (passage.Rejected, error) {
	lane := h.lanes[p.kind].Load()
	if lane != nil && lane.Holding() {
		return passage.Rejected{}, h.spool(ctx, p, nil)
	}
	rejected, err := send(ctx, h.connection, h.timeout, p)
	switch {
	case err == nil:
		h.stages[p.kind].In(p.count)
		h.settle(p, rejected)
		return rejected, nil
	case hopeless(err) || lane == nil:
		return rejected, err
	case ctx.Err() != nil:
		// Whoever handed it over has gone away, and keeps it.
		return rejected, ctx.Err()
	}
	return passage.Rejected{}, h.spool(ctx, p, err)
}

// settle counts what a controller has answered.
func (h *hop) settle(p parcel, rejected passage.Rejected) {
	lost := min(rejected.Records, p.count)
	h.stages[p.kind].Drop("rejected", lost)
	h.stages[p.kind].Out(p.count - lost)
	for _, n := range rejected.Rows {
		h.rows.Add(n)
	}
	if lost > 0 || len(rejected.Rows) > 0 {
		h.logger.Warn("the controller has not taken everything", zap.Stringer("reports", p.kind), zap.Uint64("records", lost),
			zap.String("why", rejected.Why), zap.Any("rows", rejected.Rows))
	}
}

// spool puts a parcel on disk. why says what has kept it from being sent.
func (h *hop) spool(ctx context.Context, p parcel, why error) error {
	lane := h.lanes[p.kind].Load()
	first := !lane.Holding()
	if err := lane.Push(ctx, p.message, p.count); err != nil {
		h.failed[p.kind].Add(p.count)
		return errors.Join(why, err)
	}
	h.stages[p.kind].In(p.count)
	h.spooled[p.kind].Add(p.count)
	if first {
		h.logger.Warn("the controller is away: what comes is put on disk until it is back", zap.Stringer("reports", p.kind), zap.NamedError("why", why))
	}
	select {
	case h.wake <- struct{}{}:
	default:
	}
	return nil
}

// begin starts to send what is on disk.
func (h *hop) begin() {
	ctx, stop := context.WithCancel(context.Background())
	h.stop = stop
	h.drain.Go(func() { h.run(ctx) })
}

// end stops sending and closes what is open.
func (h *hop) end(ctx context.Context) error {
	if h.stop != nil {
		h.stop()
		h.drain.Wait()
	}
	var err error
	if h.storage != nil {
		err = h.storage.Close(ctx)
		h.storage = nil
	}
	if h.connection != nil {
		err = errors.Join(err, h.connection.Close())
		h.connection = nil
	}
	return err
}
