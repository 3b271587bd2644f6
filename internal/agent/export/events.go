// SPDX-License-Identifier: Apache-2.0

package export

import (
	"context"
	"log/slog"
	"sync"

	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/aeolus-ebpf/aeolus/internal/loss"
	"github.com/aeolus-ebpf/aeolus/internal/model"
	"github.com/aeolus-ebpf/aeolus/internal/wire"
)

// logsExport is OTLP's method. The generated client would bring a gRPC gateway with it; the request has the shape of
// LogsData, and the response is read by hand.
const logsExport = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"

// commit is how many events leave together at most: with every string at its longest they stay within a message.
const commit = 512

// EventsConfig is what Events needs.
type EventsConfig struct {
	Connection grpc.ClientConnInterface
	Reporter   wire.Reporter
	// Most bounds the backlog.
	Most   int
	Stage  *loss.Stage
	Logger *slog.Logger
}

// DefaultEvents is the default of EventsConfig's bound.
const DefaultEvents = 4_096

// Events sends events: at once if nothing is under way, else together with what has arrived meanwhile.
type Events struct {
	config EventsConfig

	mu sync.Mutex
	// held is a ring of the events that wait.
	held        []model.Event
	head, count int
	sending     int
	wake        chan struct{}
}

// NewEvents makes an exporter; Run sends.
func NewEvents(config EventsConfig) *Events {
	if config.Most == 0 {
		config.Most = DefaultEvents
	}
	return &Events{config: config, held: make([]model.Event, config.Most), wake: make(chan struct{}, 1)}
}

// Push hands over an event. It never waits: where the backlog is full, the oldest goes.
func (e *Events) Push(event model.Event) {
	e.config.Stage.In(1)
	e.mu.Lock()
	if e.count == len(e.held) {
		e.held[e.head] = model.Event{}
		e.head, e.count = (e.head+1)%len(e.held), e.count-1
		e.config.Stage.Drop("backlog-full", 1)
	}
	e.held[(e.head+e.count)%len(e.held)] = event
	e.count++
	e.mu.Unlock()
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

// Held is how many events wait or are under way.
func (e *Events) Held() uint64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	return uint64(e.count + e.sending)
}

// Run sends until the context ends.
func (e *Events) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-e.wake:
			e.Flush(ctx)
		}
	}
}

// Flush sends what is held until nothing is left or the context ends. Run must not be running beside it.
func (e *Events) Flush(ctx context.Context) {
	for ctx.Err() == nil {
		batch := e.take()
		if len(batch) == 0 {
			return
		}
		e.deliver(ctx, batch)
	}
}

func (e *Events) take() []model.Event {
	e.mu.Lock()
	defer e.mu.Unlock()
	batch := make([]model.Event, min(e.count, commit))
	for i := range batch {
		batch[i], e.held[e.head] = e.held[e.head], model.Event{}
		e.head = (e.head + 1) % len(e.held)
	}
	e.count -= len(batch)
	e.sending = len(batch)
	return batch
}

// deliver sends the same events until they are answered or the context ends. Receivers know by their IDs what they have
// seen.
func (e *Events) deliver(ctx context.Context, batch []model.Event) {
	message := &logspb.LogsData{ResourceLogs: wire.EventsToOTLP(e.config.Reporter, batch)}
	var pause Backoff
	for {
		rejected, err := e.send(ctx, message)
		switch {
		case err == nil:
			rejected = min(rejected, uint64(len(batch)))
			e.settle(uint64(len(batch))-rejected, "rejected", rejected)
			return
		case hopeless(err):
			e.settle(0, "refused", uint64(len(batch)))
			e.config.Logger.Warn("the controller refused events", "events", len(batch), "error", err)
			return
		}
		e.config.Logger.Debug("sending events", "events", len(batch), "error", err)
		if !pause.Wait(ctx) {
			e.putBack(batch)
			return
		}
	}
}

func (e *Events) settle(out uint64, reason string, dropped uint64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.sending = 0
	e.config.Stage.Out(out)
	e.config.Stage.Drop(reason, dropped)
}

// putBack keeps unanswered events for a last try, as many as have room beside the newer ones.
func (e *Events) putBack(batch []model.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	room := min(len(e.held)-e.count, len(batch))
	e.config.Stage.Drop("backlog-full", uint64(len(batch)-room))
	batch = batch[len(batch)-room:]
	for i := len(batch) - 1; i >= 0; i-- {
		e.head = (e.head - 1 + len(e.held)) % len(e.held)
		e.held[e.head] = batch[i]
	}
	e.count += room
	e.sending = 0
}

func (e *Events) send(ctx context.Context, message *logspb.LogsData) (rejected uint64, err error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	var response emptypb.Empty
	if err := e.config.Connection.Invoke(ctx, logsExport, message, &response, grpc.WaitForReady(true)); err != nil {
		return 0, err
	}
	return rejectedOf(response.ProtoReflect().GetUnknown()), nil
}

// rejectedOf reads partial_success.rejected_log_records (field 1 of field 1) from an ExportLogsServiceResponse.
func rejectedOf(response []byte) uint64 {
	partial, ok := field(response, protowire.BytesType)
	if !ok {
		return 0
	}
	inner, _ := protowire.ConsumeBytes(partial)
	count, ok := field(inner, protowire.VarintType)
	if !ok {
		return 0
	}
	rejected, _ := protowire.ConsumeVarint(count)
	return rejected
}

// field finds field 1 of a message and returns what begins with its value.
func field(message []byte, want protowire.Type) ([]byte, bool) {
	for len(message) > 0 {
		number, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			return nil, false
		}
		message = message[n:]
		length := protowire.ConsumeFieldValue(number, kind, message)
		if length < 0 {
			return nil, false
		}
		if number == 1 && kind == want {
			return message, true
		}
		message = message[length:]
	}
	return nil, false
}
