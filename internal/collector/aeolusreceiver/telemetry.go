// SPDX-License-Identifier: Apache-2.0

package aeolusreceiver

import (
	"context"

	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// scopeName is the instrumentation scope of the receiver's own metrics.
const scopeName = "github.com/aeolus-ebpf/aeolus/internal/collector/aeolusreceiver"

// refusals counts what was turned away here, by reason. What the next component refuses is in the Collector's own
// otelcol_receiver_refused_log_records.
type refusals struct {
	counter  metric.Int64Counter
	receiver attribute.KeyValue
}

func newRefusals(settings receiver.Settings) (*refusals, error) {
	counter, err := settings.MeterProvider.Meter(scopeName).Int64Counter("otelcol_aeolus_receiver_refused",
		metric.WithDescription("Flow batches and events that were turned away, by reason. [Alpha]"), metric.WithUnit("{records}"))
	if err != nil {
		return nil, err
	}
	return &refusals{counter: counter, receiver: attribute.String("receiver", settings.ID.String())}, nil
}

func (r *refusals) count(ctx context.Context, reason string, n int) {
	if n > 0 {
		r.counter.Add(ctx, int64(n), metric.WithAttributes(r.receiver, attribute.String("reason", reason)))
	}
}
