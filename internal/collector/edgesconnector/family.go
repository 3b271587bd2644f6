// SPDX-License-Identifier: Apache-2.0

package edgesconnector

import (
	"github.com/aeolus-ebpf/aeolus/internal/names"
)

// family is a set of metrics whose series come in groups: every group (an edge, for example) has a series in each slot.
type family struct {
	metrics []names.Metric
	slots   []slot
	// histograms are indexes into metrics.
	histograms []int
}

// slot is one number of a group.
type slot struct {
	// metric is an index into the family's metrics.
	metric int
	// An attribute beside those of the group; its name is empty where there is none.
	name, value string
	// eager slots are given from the beginning, the others once they are not zero.
	eager bool
}

// familyBuilder makes a family slot by slot, in the order in which the slots are numbered.
type familyBuilder struct{ family }

func (b *familyBuilder) metric(name string) int {
	for i := range b.metrics {
		if b.metrics[i].Name == name {
			return i
		}
	}
	found, _ := names.MetricOf(name)
	b.metrics = append(b.metrics, found)
	return len(b.metrics) - 1
}

// number adds a slot; attribute and value may be empty.
func (b *familyBuilder) number(name, attribute, value string, eager bool) {
	b.slots = append(b.slots, slot{metric: b.metric(name), name: attribute, value: value, eager: eager})
}

func (b *familyBuilder) histogram(name string) {
	b.histograms = append(b.histograms, b.metric(name))
}
