// SPDX-License-Identifier: Apache-2.0

package edgesconnector

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/aeolus-ebpf/aeolus/internal/names"
)

// emission is one message being made.
type emission struct {
	metrics pmetric.Metrics
	scope   pmetric.ScopeMetrics
	// at is the time of what is given, zero that of the zeros that come before what is given for the first time.
	at, zero pcommon.Timestamp
	// begun are the series that are given for the first time: once it has arrived they need no zero any more.
	begun []beginning
	// tables are those that were written.
	tables []*table
}

// beginning is the start that a series had when it was written; it may begin again before that has arrived.
type beginning struct {
	of    *begun
	start pcommon.Timestamp
}

// arrived notes that what was written needs not be written again.
func (e *emission) arrived() {
	for _, b := range e.begun {
		if b.of.start == b.start {
			b.of.confirmed = true
		}
	}
	for _, t := range e.tables {
		clear(t.ended)
		t.ended = t.ended[:0]
	}
}

func newEmission(instance, version string, zero, at pcommon.Timestamp) *emission {
	e := &emission{metrics: pmetric.NewMetrics(), at: at, zero: zero}
	resource := e.metrics.ResourceMetrics().AppendEmpty()
	resource.Resource().Attributes().PutStr(names.ServiceName, "aeolus")
	resource.Resource().Attributes().PutStr(names.ServiceInstanceID, instance)
	e.scope = resource.ScopeMetrics().AppendEmpty()
	e.scope.Scope().SetName(names.ScopeEvents)
	e.scope.Scope().SetVersion(version)
	return e
}

func (e *emission) empty() bool { return e.scope.Metrics().Len() == 0 }

// writer writes the groups of one family into an emission. Metrics that have no points are not made.
type writer struct {
	*emission
	family *family
	made   []pmetric.Metric
	there  []bool
}

// take writes the groups of a table: those that have changed, or all; and the ends of those that have ended.
func (e *emission) take(t *table, all bool) {
	w := &writer{emission: e, family: t.family, made: make([]pmetric.Metric, len(t.family.metrics)), there: make([]bool, len(t.family.metrics))}
	if all {
		for _, g := range t.groups {
			w.group(g)
		}
	} else {
		for _, g := range t.dirty {
			w.group(g)
		}
	}
	for _, g := range t.dirty {
		g.dirty = false
	}
	clear(t.dirty)
	t.dirty = t.dirty[:0]
	for _, g := range t.ended {
		// What has come back goes on from 0: an end in between would hide that.
		if t.groups[g.key] == nil {
			w.end(g)
		}
	}
	e.tables = append(e.tables, t)
}

func (w *writer) metric(index int) pmetric.Metric {
	if w.there[index] {
		return w.made[index]
	}
	known := &w.family.metrics[index]
	m := w.scope.Metrics().AppendEmpty()
	m.SetName(known.Name)
	m.SetDescription(known.Meaning)
	m.SetUnit(known.Unit)
	switch known.Instrument {
	case names.Gauge:
		m.SetEmptyGauge()
	case names.Histogram:
		m.SetEmptyHistogram().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	default:
		sum := m.SetEmptySum()
		sum.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
		sum.SetIsMonotonic(known.Instrument == names.Counter)
	}
	w.made[index], w.there[index] = m, true
	return m
}

func (w *writer) numberPoint(s *slot, g *group) pmetric.NumberDataPoint {
	m := w.metric(s.metric)
	var points pmetric.NumberDataPointSlice
	if m.Type() == pmetric.MetricTypeGauge {
		points = m.Gauge().DataPoints()
	} else {
		points = m.Sum().DataPoints()
	}
	point := points.AppendEmpty()
	g.attributes.CopyTo(point.Attributes())
	if s.name != "" {
		point.Attributes().PutStr(s.name, s.value)
	}
	return point
}

// begin notes the start of a series that is given for the first time, and tells whether a zero must come before it.
func (w *writer) begin(b *begun, late bool) bool {
	if b.confirmed {
		return false
	}
	if b.start == 0 {
		b.start = w.zero
	}
	w.begun = append(w.begun, beginning{b, b.start})
	return !late
}

func (w *writer) group(g *group) {
	for i := range w.family.slots {
		s, n := &w.family.slots[i], &g.numbers[i]
		if n.value == 0 && n.start == 0 && !s.eager {
			continue
		}
		instrument := w.family.metrics[s.metric].Instrument
		if instrument == names.Gauge {
			point := w.numberPoint(s, g)
			point.SetTimestamp(w.at)
			point.SetIntValue(int64(n.value))
			n.start = w.zero
			continue
		}
		if w.begin(&n.begun, g.late) && instrument == names.Counter {
			point := w.numberPoint(s, g)
			point.SetStartTimestamp(n.start)
			point.SetTimestamp(n.start)
			point.SetIntValue(0)
		}
		point := w.numberPoint(s, g)
		if !g.late {
			point.SetStartTimestamp(n.start)
		}
		point.SetTimestamp(w.at)
		point.SetIntValue(int64(n.value))
		w.exemplars(g, point)
	}
	for i, metric := range w.family.histograms {
		if h := &g.histograms[i]; h.count > 0 {
			if w.begin(&h.begun, g.late) {
				w.histogram(metric, g, h, h.start, &histogram{counts: make([]uint64, len(bounds)+1)})
			}
			w.histogram(metric, g, h, w.at, h)
		}
	}
}

func (w *writer) exemplars(g *group, point pmetric.NumberDataPoint) {
	for i := range g.exemplars {
		made := point.Exemplars().AppendEmpty()
		made.SetIntValue(1)
		made.SetTimestamp(pcommon.NewTimestampFromTime(g.exemplars[i].at))
		made.FilteredAttributes().PutStr(names.RecordID, g.exemplars[i].id)
		g.exemplified = g.exemplars[i].at
	}
	g.exemplars = g.exemplars[:0]
}

func (w *writer) histogram(metric int, g *group, of *histogram, at pcommon.Timestamp, value *histogram) {
	point := w.metric(metric).Histogram().DataPoints().AppendEmpty()
	g.attributes.CopyTo(point.Attributes())
	point.SetStartTimestamp(of.start)
	point.SetTimestamp(at)
	point.ExplicitBounds().FromRaw(bounds)
	point.BucketCounts().FromRaw(value.counts)
	point.SetCount(value.count)
	point.SetSum(value.sum)
}

// end writes a stale marker for every series that was given.
func (w *writer) end(g *group) {
	flags := pmetric.DefaultDataPointFlags.WithNoRecordedValue(true)
	for i := range w.family.slots {
		if g.numbers[i].start == 0 {
			continue
		}
		point := w.numberPoint(&w.family.slots[i], g)
		point.SetStartTimestamp(g.numbers[i].start)
		point.SetTimestamp(w.at)
		point.SetFlags(flags)
	}
	for i, metric := range w.family.histograms {
		h := &g.histograms[i]
		if h.start == 0 {
			continue
		}
		point := w.metric(metric).Histogram().DataPoints().AppendEmpty()
		g.attributes.CopyTo(point.Attributes())
		point.SetStartTimestamp(h.start)
		point.SetTimestamp(w.at)
		point.ExplicitBounds().FromRaw(bounds)
		point.BucketCounts().FromRaw(make([]uint64, len(bounds)+1))
		point.SetFlags(flags)
	}
}
