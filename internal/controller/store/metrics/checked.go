// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"fmt"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
)

// checked is what both kinds of appender know of a request.
type checked struct {
	*taken
	store  *Store
	latest int64
	// The sample before, to see one that comes twice: the database would find out when it is too late to say so.
	ref   storage.SeriesRef
	at    int64
	value float64
	whole bool
}

func (t *taken) checked(s *Store) checked {
	return checked{taken: t, store: s, latest: t.now.Add(ahead).UnixMilli(), at: -1}
}

// series tells whether a series may be taken.
func (c *checked) series(ls labels.Labels) error {
	limits := &c.store.config.Write
	if n := ls.Len(); n > limits.LabelsPerSeries {
		return &refusal{"too-many-labels", fmt.Sprintf("series %.100q has %d labels, at most %d are taken", ls.Get(model.MetricNameLabel), n, limits.LabelsPerSeries)}
	}
	if err := ls.Validate(func(l labels.Label) error {
		if len(l.Name) > limits.LabelName || len(l.Value) > limits.LabelValue {
			return &refusal{"long-label", fmt.Sprintf("series %.100q: label %.100q has %d bytes and its value %d; at most %d and %d are taken",
				ls.Get(model.MetricNameLabel), l.Name, len(l.Name), len(l.Value), limits.LabelName, limits.LabelValue)}
		}
		return nil
	}); err != nil {
		return err
	}
	if !c.tenant.admit(ls.Hash(), c.now) {
		return &refusal{"series-limit", fmt.Sprintf("series %.100q is one too many: %d are active", ls.Get(model.MetricNameLabel), c.tenant.mostSeries)}
	}
	return nil
}

// before checks a sample before it is given to the database.
func (c *checked) before(ref storage.SeriesRef, ls labels.Labels, at int64) error {
	if at > c.latest {
		return &refusal{"future", fmt.Sprintf("series %.100q: a sample lies more than %s in the future", ls.Get(model.MetricNameLabel), ahead)}
	}
	if ref != 0 {
		return nil
	}
	return c.series(ls)
}

// twice tells whether a sample has the time of the one before it in its series, and another value.
func (c *checked) twice(ref storage.SeriesRef, at int64, value float64) error {
	if ref != 0 && ref == c.ref && at == c.at && value != c.value && c.whole {
		return storage.ErrDuplicateSampleForTimestamp
	}
	return nil
}

// after accounts for a sample. The error is what the library is to know of.
func (c *checked) after(err error, ls labels.Labels) error {
	c.seen++
	if err == nil {
		c.stored++
		return nil
	}
	cause := causeOf(err)
	if cause == causeStorage {
		return err
	}
	c.refuse(cause, 1, err, ls)
	if c.lenient {
		return nil
	}
	return err
}
