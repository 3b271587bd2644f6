// SPDX-License-Identifier: Apache-2.0

package export

import (
	"context"
	"log/slog"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	flowv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/flow/v1"
	"github.com/aeolus-ebpf/aeolus/internal/loss"
)

// FlowsConfig is what Flows needs.
type FlowsConfig struct {
	Connection grpc.ClientConnInterface
	// Batches and Bytes bound the backlog.
	Batches, Bytes int
	// Stage counts rows.
	Stage  *loss.Stage
	Logger *slog.Logger
}

// The defaults of FlowsConfig's bounds.
const (
	DefaultBatches = 60
	DefaultBytes   = 16 << 20
)

// Flows sends flow batches, one at a time and in order.
type Flows struct {
	config FlowsConfig
	client flowv1.FlowServiceClient

	mu    sync.Mutex
	held  []parcel
	bytes int
	// sending tells that the first of held is under way: it is not dropped.
	sending bool
	wake    chan struct{}
}

type parcel struct {
	batch *flowv1.Batch
	rows  uint64
	size  int
}

// NewFlows makes an exporter; Run sends.
func NewFlows(config FlowsConfig) *Flows {
	if config.Batches == 0 {
		config.Batches = DefaultBatches
	}
	if config.Bytes == 0 {
		config.Bytes = DefaultBytes
	}
	return &Flows{config: config, client: flowv1.NewFlowServiceClient(config.Connection), wake: make(chan struct{}, 1)}
}

// Push hands over a batch. It never waits: where the backlog is full, the oldest batches go.
func (f *Flows) Push(batch *flowv1.Batch) {
	next := parcel{batch: batch, rows: uint64(len(batch.GetRows().GetCookie())), size: proto.Size(batch)}
	f.config.Stage.In(next.rows)
	f.mu.Lock()
	f.held = append(f.held, next)
	f.bytes += next.size
	f.trim()
	f.mu.Unlock()
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

func (f *Flows) trim() {
	for len(f.held) > f.config.Batches || f.bytes > f.config.Bytes {
		oldest := 0
		if f.sending {
			oldest = 1
		}
		if oldest >= len(f.held) {
			return
		}
		f.config.Stage.Drop("backlog-full", f.held[oldest].rows)
		f.remove(oldest)
	}
}

func (f *Flows) remove(i int) {
	f.bytes -= f.held[i].size
	f.held = append(f.held[:i], f.held[i+1:]...)
}

// Held is how many rows wait or are under way.
func (f *Flows) Held() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	var rows uint64
	for _, waiting := range f.held {
		rows += waiting.rows
	}
	return rows
}

// Waiting is how many batches wait or are under way.
func (f *Flows) Waiting() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.held)
}

// Run sends until the context ends.
func (f *Flows) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-f.wake:
			f.Flush(ctx)
		}
	}
}

// Flush sends what is held until nothing is left or the context ends. Run must not be running beside it.
func (f *Flows) Flush(ctx context.Context) {
	var pause Backoff
	for ctx.Err() == nil {
		first, ok := f.begin()
		if !ok {
			return
		}
		response, err := f.send(ctx, first.batch)
		f.mu.Lock()
		f.sending = false
		switch {
		case err == nil:
			f.settle(first, response)
		case hopeless(err):
			f.config.Stage.Drop("refused", first.rows)
			f.remove(0)
			f.config.Logger.Warn("the controller refused a flow batch", "sequence", first.batch.GetSequence(), "rows", first.rows, "error", err)
		}
		f.mu.Unlock()
		if err == nil || hopeless(err) {
			pause.Reset()
			continue
		}
		f.config.Logger.Debug("sending a flow batch", "sequence", first.batch.GetSequence(), "error", err)
		if !pause.Wait(ctx) {
			return
		}
	}
}

func (f *Flows) begin() (parcel, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.held) == 0 {
		return parcel{}, false
	}
	f.sending = true
	return f.held[0], true
}

func (f *Flows) send(ctx context.Context, batch *flowv1.Batch) (*flowv1.ExportResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	return f.client.Export(ctx, &flowv1.ExportRequest{Batch: batch}, grpc.WaitForReady(true))
}

// settle counts an answered batch. A receiver that claims to have rejected more than it got is not believed.
func (f *Flows) settle(sent parcel, response *flowv1.ExportResponse) {
	left := sent.rows
	for _, rejected := range response.GetRejected() {
		left -= min(rejected.GetCount(), left)
	}
	f.config.Stage.Drop("rejected", sent.rows-left)
	f.config.Stage.Out(left)
	f.remove(0)
}
