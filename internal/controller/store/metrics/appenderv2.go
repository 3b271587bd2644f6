// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/metadata"
	"github.com/prometheus/prometheus/storage"
)

// appenderV2 takes samples together with what belongs to them.
type appenderV2 struct {
	storage.AppenderV2
	checked
}

// Append takes a sample, its exemplars, and what its series is.
func (a *appenderV2) Append(ref storage.SeriesRef, ls labels.Labels, start, at int64, value float64, h *histogram.Histogram, f *histogram.FloatHistogram, options storage.AOptions) (storage.SeriesRef, error) {
	err := a.before(ref, ls, at)
	number := h == nil && f == nil
	if err == nil && number {
		err = a.twice(ref, at, value)
	}
	if err != nil {
		return ref, a.after(err, ls)
	}
	given, err := a.AppenderV2.Append(ref, ls, start, at, value, h, f, options)
	var partial *storage.AppendPartialError
	partial, err = partial.Handle(err)
	if err != nil {
		return ref, a.after(err, ls)
	}
	a.ref, a.at, a.value, a.whole = given, at, value, number
	a.exemplarsSeen += uint64(len(options.Exemplars))
	a.exemplarsStored += uint64(len(options.Exemplars))
	if partial != nil {
		a.exemplarsStored -= uint64(len(partial.ExemplarErrors))
		for _, problem := range partial.ExemplarErrors {
			a.refuseExemplar(problem)
		}
	}
	name := options.MetricFamilyName
	if name == "" {
		name = family(ls.Get(model.MetricNameLabel), options.Metadata)
	}
	a.store.families.learn(name, options.Metadata)
	return given, a.after(nil, ls)
}

// family is the name of what a series is part of: a classic histogram has a series for each bucket.
func family(series string, m metadata.Metadata) string {
	var suffixes []string
	switch m.Type {
	case model.MetricTypeHistogram, model.MetricTypeGaugeHistogram:
		suffixes = []string{"_bucket", "_sum", "_count"}
	case model.MetricTypeSummary:
		suffixes = []string{"_sum", "_count"}
	}
	for _, suffix := range suffixes {
		if name, ok := strings.CutSuffix(series, suffix); ok {
			return name
		}
	}
	return series
}
