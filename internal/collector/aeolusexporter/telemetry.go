// SPDX-License-Identifier: Apache-2.0

package aeolusexporter

import (
	"context"
	"fmt"

	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// scopeName is the instrumentation scope of the exporter's own metrics.
const scopeName = "github.com/aeolus-ebpf/aeolus/internal/collector/aeolusexporter"

// metrics shows the figures of every hop. They are read when somebody asks.
type metrics struct {
	hops     []*hop
	exporter attribute.KeyValue

	in, out, dropped, spooled, failed, rows metric.Int64ObservableCounter
	spoolBytes, spoolRecords                metric.Int64ObservableGauge

	registered metric.Registration
}

func newMetrics(settings exporter.Settings, hops []*hop) (*metrics, error) {
	m := &metrics{hops: hops, exporter: attribute.String("exporter", settings.ID.String())}
	meter := settings.MeterProvider.Meter(scopeName)
	var all []metric.Observable
	for _, c := range []struct {
		into              *metric.Int64ObservableCounter
		name, about, unit string
	}{
		{&m.in, "otelcol_aeolus_exporter_in", "Flow batches and events that were taken to be sent to a controller. [Alpha]", "{records}"},
		{&m.out, "otelcol_aeolus_exporter_sent", "Flow batches and events that a controller has taken. [Alpha]", "{records}"},
		{&m.dropped, "otelcol_aeolus_exporter_dropped", "Flow batches and events that were lost on the way to a controller, by reason. [Alpha]", "{records}"},
		{&m.spooled, "otelcol_aeolus_exporter_spooled", "Flow batches and events that were put on disk because a controller was away. [Alpha]", "{records}"},
		{&m.failed, "otelcol_aeolus_exporter_spool_failed", "Flow batches and events that the storage did not take; their senders keep them. [Alpha]", "{records}"},
		{&m.rows, "otelcol_aeolus_exporter_rejected_rows", "Rows of flow batches that a controller has rejected. [Alpha]", "{rows}"},
	} {
		made, err := meter.Int64ObservableCounter(c.name, metric.WithDescription(c.about), metric.WithUnit(c.unit))
		if err != nil {
			return nil, fmt.Errorf("making metric %s: %w", c.name, err)
		}
		*c.into = made
		all = append(all, made)
	}
	for _, g := range []struct {
		into              *metric.Int64ObservableGauge
		name, about, unit string
	}{
		{&m.spoolBytes, "otelcol_aeolus_exporter_spool_bytes", "Bytes on disk that wait for a controller. [Alpha]", "By"},
		{&m.spoolRecords, "otelcol_aeolus_exporter_spool_records", "Flow batches and events on disk that wait for a controller. [Alpha]", "{records}"},
	} {
		made, err := meter.Int64ObservableGauge(g.name, metric.WithDescription(g.about), metric.WithUnit(g.unit))
		if err != nil {
			return nil, fmt.Errorf("making metric %s: %w", g.name, err)
		}
		*g.into = made
		all = append(all, made)
	}
	var err error
	if m.registered, err = meter.RegisterCallback(m.observe, all...); err != nil {
		return nil, fmt.Errorf("registering the exporter's metrics: %w", err)
	}
	return m, nil
}

func (m *metrics) observe(_ context.Context, to metric.Observer) error {
	for _, h := range m.hops {
		endpoint := attribute.String("endpoint", h.endpoint)
		for k, count := range h.ledger.Counts() {
			labels := metric.WithAttributes(m.exporter, endpoint, attribute.String("kind", kind(k).String()))
			to.ObserveInt64(m.in, int64(count.In), labels)
			to.ObserveInt64(m.out, int64(count.Out), labels)
			for reason, n := range count.Dropped {
				to.ObserveInt64(m.dropped, int64(n), labels, metric.WithAttributes(attribute.String("reason", reason)))
			}
			to.ObserveInt64(m.spooled, int64(h.spooled[k].Load()), labels)
			to.ObserveInt64(m.failed, int64(h.failed[k].Load()), labels)
			if lane := h.lanes[k].Load(); lane != nil {
				records, bytes := lane.Held()
				to.ObserveInt64(m.spoolBytes, bytes, labels)
				to.ObserveInt64(m.spoolRecords, int64(records), labels)
			}
		}
		to.ObserveInt64(m.rows, int64(h.rows.Load()), metric.WithAttributes(m.exporter, endpoint))
	}
	return nil
}

func (m *metrics) unregister() error { return m.registered.Unregister() }
