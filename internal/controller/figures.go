// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"log/slog"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/aeolus-ebpf/aeolus/internal/loss"
	"github.com/aeolus-ebpf/aeolus/internal/names"
)

// figures answers /metrics: what passed through the controller's stages, what the store of metrics says of itself, and the
// process. It shows where things are lost, and who sends: a token is needed, as for every question.
func (c *Controller) figures() http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(&ledgerCollector{ledger: c.ledger, version: c.config.Version}, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return promhttp.HandlerFor(prometheus.Gatherers{registry, c.metrics.Gatherer()}, promhttp.HandlerOpts{
		ErrorLog: slog.NewLogLogger(c.config.Logger.Handler(), slog.LevelWarn), ErrorHandling: promhttp.ContinueOnError,
		MaxRequestsInFlight: 4,
	})
}

// ledgerCollector shows the ledger as metrics.
type ledgerCollector struct {
	ledger  *loss.Ledger
	version string
}

// description is what a metric of the table is called, and what its labels are.
func description(name string) *prometheus.Desc {
	metric, _ := names.MetricOf(name)
	labels := make([]string, 0, len(metric.Attributes))
	for _, attribute := range metric.Attributes {
		labels = append(labels, names.Label(attribute))
	}
	return prometheus.NewDesc(metric.Prometheus(), metric.Meaning, labels, nil)
}

// Describe tells which metrics there are.
func (*ledgerCollector) Describe(into chan<- *prometheus.Desc) {
	for _, name := range [...]string{names.ControllerIn, names.ControllerOut, names.ControllerDropped, names.ControllerBuild} {
		into <- description(name)
	}
}

// Collect reads the ledger.
func (l *ledgerCollector) Collect(into chan<- prometheus.Metric) {
	in, out, dropped := description(names.ControllerIn), description(names.ControllerOut), description(names.ControllerDropped)
	for _, count := range l.ledger.Counts() {
		into <- prometheus.MustNewConstMetric(in, prometheus.CounterValue, float64(count.In), count.Stage)
		into <- prometheus.MustNewConstMetric(out, prometheus.CounterValue, float64(count.Out), count.Stage)
		for reason, n := range count.Dropped {
			into <- prometheus.MustNewConstMetric(dropped, prometheus.CounterValue, float64(n), count.Stage, reason)
		}
	}
	into <- prometheus.MustNewConstMetric(description(names.ControllerBuild), prometheus.GaugeValue, 1, l.version)
}
