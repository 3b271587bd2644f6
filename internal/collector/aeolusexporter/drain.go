// SPDX-License-Identifier: Apache-2.0

package aeolusexporter

import (
	"context"
	"math/rand/v2"
	"time"

	"go.uber.org/zap"
	"google.golang.org/grpc/connectivity"

	"github.com/aeolus-ebpf/aeolus/internal/collector/aeolusexporter/spool"
	"github.com/aeolus-ebpf/aeolus/internal/wire"
)

// How many messages are read from disk at once. Events of several go to the controller in one.
const (
	eventsAtOnce = 32
	flowsAtOnce  = 4
)

// joinBytes bounds what is joined to one message.
const joinBytes = 1 << 20

const (
	firstPause = 50 * time.Millisecond
	lastPause  = 5 * time.Second
	// drainPatience is how much longer than otherwise a controller may take for what comes from disk: nobody waits.
	drainPatience = 4
)

// run sends what is on disk whenever there is something and the controller is there, until the context ends.
func (h *hop) run(ctx context.Context) {
	var pause time.Duration
	atOnce := eventsAtOnce
	for {
		if _, held := h.waiting(); !held {
			select {
			case <-ctx.Done():
				return
			case <-h.wake:
			}
			continue
		}
		if !h.awaitController(ctx) {
			return
		}
		// Events may have come while nobody answered, and go first.
		k, held := h.waiting()
		if !held {
			continue
		}
		err := h.drainOnce(ctx, k, atOnce)
		if err == nil {
			pause, atOnce = 0, min(2*atOnce, eventsAtOnce)
			continue
		}
		// What was too much for a controller to take in time would be so again.
		atOnce = max(atOnce/2, 1)
		if ctx.Err() == nil {
			h.logger.Debug("sending what is on disk", zap.Stringer("reports", k), zap.Error(err))
		}
		pause = min(max(2*pause, firstPause), lastPause)
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause/2 + rand.N(pause/2)):
		}
	}
}

// waiting gives the first lane that holds something: that of events, if it does.
func (h *hop) waiting() (kind, bool) {
	for _, k := range [...]kind{events, flows} {
		if h.lanes[k].Load().Holding() {
			return k, true
		}
	}
	return 0, false
}

// awaitController waits until there is a connection; false if the context ended first.
func (h *hop) awaitController(ctx context.Context) bool {
	for {
		state := h.connection.GetState()
		switch state {
		case connectivity.Ready:
			return ctx.Err() == nil
		case connectivity.Idle:
			h.connection.Connect()
		}
		if !h.connection.WaitForStateChange(ctx, state) {
			return false
		}
	}
}

// drainOnce sends the oldest messages of a lane, of events so many at once.
func (h *hop) drainOnce(ctx context.Context, k kind, atOnce int) error {
	lane, most := h.lanes[k].Load(), eventsAtOnce
	if k == flows {
		most = flowsAtOnce
	}
	records, err := lane.Begin(ctx, most)
	if err != nil {
		return err
	}
	done, err := h.deliver(ctx, k, records, atOnce)
	// They are answered, even where the context has ended since.
	if problem := lane.Settle(context.WithoutCancel(ctx), done); problem != nil {
		h.logger.Warn("the storage does not forget what was sent: it may be sent again after a restart", zap.Error(problem))
	}
	if err == nil && !lane.Holding() {
		h.logger.Info("what was on disk has been sent", zap.Stringer("reports", k))
	}
	return err
}

// deliver sends messages in order, and tells how many were answered.
func (h *hop) deliver(ctx context.Context, k kind, records []spool.Record, atOnce int) (done int, err error) {
	for done < len(records) {
		n := 1
		joined := parcel{kind: k, message: records[done].Payload, count: records[done].Count}
		if k == events {
			n, joined = join(records[done:min(done+atOnce, len(records))])
		}
		rejected, err := send(ctx, h.connection, drainPatience*h.timeout, joined)
		if err != nil && hopeless(err) && n > 1 {
			// One of them is refused; which, they tell one by one.
			n = 1
			joined.message, joined.count = records[done].Payload, records[done].Count
			rejected, err = send(ctx, h.connection, drainPatience*h.timeout, joined)
		}
		switch {
		case err == nil:
			h.settle(joined, rejected)
		case hopeless(err):
			h.stages[k].Drop("refused", joined.count)
			h.logger.Warn("the controller refused what was on disk", zap.Stringer("reports", k), zap.Error(err))
		default:
			return done, err
		}
		done += n
	}
	return done, nil
}

// join makes one message of several: what repeats in protobuf may be written one after another.
func join(records []spool.Record) (n int, joined parcel) {
	joined = parcel{kind: events}
	size := 0
	for _, r := range records {
		if n > 0 && (size+len(r.Payload) > joinBytes || joined.count+r.Count > wire.MaxEvents) {
			break
		}
		size += len(r.Payload)
		joined.count += r.Count
		n++
	}
	joined.message = make([]byte, 0, size)
	for _, r := range records[:n] {
		joined.message = append(joined.message, r.Payload...)
	}
	return n, joined
}
