// SPDX-License-Identifier: Apache-2.0

package selfmetrics

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"

	"github.com/aeolus-ebpf/aeolus/internal/loss"
	"github.com/aeolus-ebpf/aeolus/internal/names"
)

// interval is how often the figures are written into the store.
const interval = 15 * time.Second

// Job is what the series have as their job.
const Job = "aeolus-controller"

// Config is what is needed to say something of oneself.
type Config struct {
	Ledger *loss.Ledger
	// Version is that of the program; Instance tells controllers apart.
	Version, Instance string
	// Store takes the figures; nil where metrics are kept elsewhere.
	Store  storage.Appendable
	Logger *slog.Logger
	// Now is the clock; time.Now unless given.
	Now func() time.Time
}

// Metrics are the controller's figures of itself.
type Metrics struct {
	config Config
	source *source
	// last is when the figures were written, written which series have been.
	last    time.Time
	written map[string]labels.Labels
}

// New makes them.
func New(config Config) *Metrics {
	if config.Now == nil {
		config.Now = time.Now
	}
	return &Metrics{
		config: config, source: newSource(config.Ledger, config.Version), last: config.Now(), written: map[string]labels.Labels{},
	}
}

// Run writes the figures into the store until the context ends.
func (m *Metrics) Run(ctx context.Context) error {
	if m.config.Store == nil {
		return nil
	}
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		if err := m.Write(ctx); err != nil && ctx.Err() == nil {
			m.config.Logger.Warn("writing the controller's own metrics", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// Write writes the figures of now. A counter that is new was zero when they were last written, or when all began.
func (m *Metrics) Write(ctx context.Context) error {
	now := m.config.Now()
	if now.UnixMilli() <= m.last.UnixMilli() {
		return nil
	}
	appender := m.config.Store.Appender(ctx)
	fresh := map[string]labels.Labels{}
	for _, s := range m.source.samples() {
		series := m.series(&s)
		key := series.String()
		if _, known := m.written[key]; !known {
			fresh[key] = series
			if s.metric.Instrument == names.Counter {
				if _, err := appender.Append(0, series, m.last.UnixMilli(), 0); err != nil {
					return rollback(appender, err)
				}
			}
		}
		if _, err := appender.Append(0, series, now.UnixMilli(), s.value); err != nil {
			return rollback(appender, err)
		}
	}
	if err := appender.Commit(); err != nil {
		return fmt.Errorf("committing: %w", err)
	}
	for key, series := range fresh {
		m.written[key] = series
	}
	m.last = now
	return nil
}

func rollback(appender storage.Appender, err error) error {
	return errors.Join(fmt.Errorf("appending: %w", err), appender.Rollback())
}

func (m *Metrics) series(s *sample) labels.Labels {
	pairs := []string{model.MetricNameLabel, s.metric.Prometheus(), "job", Job, "instance", m.config.Instance}
	for i, attribute := range s.metric.Attributes {
		pairs = append(pairs, names.Label(attribute), s.values[i])
	}
	return labels.FromStrings(pairs...)
}
