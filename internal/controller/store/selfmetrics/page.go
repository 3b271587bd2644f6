// SPDX-License-Identifier: Apache-2.0

package selfmetrics

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/aeolus-ebpf/aeolus/internal/names"
)

// collector gives the figures to the library that writes the page.
type collector struct {
	source       *source
	descriptions map[string]*prometheus.Desc
}

func newCollector(s *source) *collector {
	c := &collector{source: s, descriptions: map[string]*prometheus.Desc{}}
	for _, m := range s.metrics() {
		var labels []string
		for _, attribute := range m.Attributes {
			labels = append(labels, names.Label(attribute))
		}
		c.descriptions[m.Name] = prometheus.NewDesc(m.Prometheus(), m.Meaning, labels, nil)
	}
	return c
}

// Describe tells which metrics there are.
func (c *collector) Describe(to chan<- *prometheus.Desc) {
	for _, m := range c.source.metrics() {
		to <- c.descriptions[m.Name]
	}
}

// Collect gives the figures of now.
func (c *collector) Collect(to chan<- prometheus.Metric) {
	for _, s := range c.source.samples() {
		kind := prometheus.GaugeValue
		if s.metric.Instrument == names.Counter {
			kind = prometheus.CounterValue
		}
		to <- prometheus.MustNewConstMetric(c.descriptions[s.metric.Name], kind, s.value, s.values...)
	}
}

// page shows the figures, and those of the store.
func page(s *source, store prometheus.Gatherer) http.Handler {
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(newCollector(s))
	gatherers := prometheus.Gatherers{registry}
	if store != nil {
		gatherers = append(gatherers, store)
	}
	return promhttp.HandlerFor(gatherers, promhttp.HandlerOpts{EnableOpenMetrics: true})
}
