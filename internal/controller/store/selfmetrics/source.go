// SPDX-License-Identifier: Apache-2.0

package selfmetrics

import (
	"github.com/aeolus-ebpf/aeolus/internal/loss"
	"github.com/aeolus-ebpf/aeolus/internal/names"
)

// sample is one figure.
type sample struct {
	metric names.Metric
	// values are those of the metric's attributes, in the same order.
	values []string
	value  float64
}

// source makes the figures.
type source struct {
	ledger                  *loss.Ledger
	version                 string
	in, out, dropped, build names.Metric
}

func newSource(ledger *loss.Ledger, version string) *source {
	named := func(name string) names.Metric {
		found, _ := names.MetricOf(name)
		return found
	}
	return &source{
		ledger: ledger, version: version, in: named(names.ControllerIn), out: named(names.ControllerOut),
		dropped: named(names.ControllerDropped), build: named(names.ControllerBuild),
	}
}

func (s *source) samples() []sample {
	list := []sample{{s.build, []string{s.version}, 1}}
	for _, count := range s.ledger.Counts() {
		list = append(list,
			sample{s.in, []string{count.Stage}, float64(count.In)},
			sample{s.out, []string{count.Stage}, float64(count.Out)})
		for reason, n := range count.Dropped {
			list = append(list, sample{s.dropped, []string{count.Stage, reason}, float64(n)})
		}
	}
	return list
}
