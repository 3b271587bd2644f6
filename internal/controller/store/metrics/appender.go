// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"context"
	"errors"
	"fmt"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/metadata"
	"github.com/prometheus/prometheus/storage"
)

// receiving gives appenders for what is received: they check, and account for it in the request of the context.
type receiving struct{ store *Store }

// Appender begins to take samples of a request.
func (r receiving) Appender(ctx context.Context) storage.Appender {
	taken := takenFrom(ctx)
	return &appender{Appender: r.store.db.Appender(ctx), checked: taken.checked(r.store)}
}

// AppenderV2 begins to take samples of a request.
func (r receiving) AppenderV2(ctx context.Context) storage.AppenderV2 {
	taken := takenFrom(ctx)
	return &appenderV2{AppenderV2: r.store.db.AppenderV2(ctx), checked: taken.checked(r.store)}
}

// appender takes samples one by one.
type appender struct {
	storage.Appender
	checked
}

// Append takes a number.
func (a *appender) Append(ref storage.SeriesRef, ls labels.Labels, at int64, value float64) (storage.SeriesRef, error) {
	err := a.before(ref, ls, at)
	if err == nil {
		err = a.twice(ref, at, value)
	}
	given := ref
	if err == nil {
		given, err = a.Appender.Append(ref, ls, at, value)
	}
	if err != nil {
		given = ref
	} else {
		a.ref, a.at, a.value, a.whole = given, at, value, true
	}
	return given, a.after(err, ls)
}

// AppendHistogram takes a native histogram.
func (a *appender) AppendHistogram(ref storage.SeriesRef, ls labels.Labels, at int64, h *histogram.Histogram, f *histogram.FloatHistogram) (storage.SeriesRef, error) {
	err := a.before(ref, ls, at)
	given := ref
	if err == nil {
		if given, err = a.Appender.AppendHistogram(ref, ls, at, h, f); err != nil {
			given = ref
		}
	}
	return given, a.after(err, ls)
}

// AppendSTZeroSample says when a counter began.
func (a *appender) AppendSTZeroSample(ref storage.SeriesRef, ls labels.Labels, at, start int64) (storage.SeriesRef, error) {
	if err := a.before(ref, ls, at); err != nil {
		// The sample itself comes next, and is accounted for.
		return ref, err
	}
	return a.Appender.AppendSTZeroSample(ref, ls, at, start)
}

// AppendHistogramSTZeroSample says when a histogram began.
func (a *appender) AppendHistogramSTZeroSample(ref storage.SeriesRef, ls labels.Labels, at, start int64, h *histogram.Histogram, f *histogram.FloatHistogram) (storage.SeriesRef, error) {
	if err := a.before(ref, ls, at); err != nil {
		return ref, err
	}
	return a.Appender.AppendHistogramSTZeroSample(ref, ls, at, start, h, f)
}

// errNoExemplar hides from the library why an exemplar was refused: it would call the request failed, of which all samples
// may have been stored.
var errNoExemplar = errors.New("the exemplar was refused")

// AppendExemplar takes an exemplar.
func (a *appender) AppendExemplar(ref storage.SeriesRef, ls labels.Labels, e exemplar.Exemplar) (storage.SeriesRef, error) {
	a.exemplarsSeen++
	if e.Ts > a.latest {
		a.refuseExemplar(&refusal{"future", fmt.Sprintf("an exemplar lies more than %s in the future", ahead)})
		return ref, errNoExemplar
	}
	given, err := a.Appender.AppendExemplar(ref, ls, e)
	if err != nil {
		a.refuseExemplar(err)
		return ref, errNoExemplar
	}
	a.exemplarsStored++
	return given, nil
}

// UpdateMetadata learns what a series is.
func (a *appender) UpdateMetadata(ref storage.SeriesRef, ls labels.Labels, m metadata.Metadata) (storage.SeriesRef, error) {
	if m.IsEmpty() {
		return ref, nil
	}
	a.store.families.learn(family(ls.Get(model.MetricNameLabel), m), m)
	return a.Appender.UpdateMetadata(ref, ls, m)
}
