// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/api"
	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/metadata"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/storage"
)

// bounded keeps a rule from raising more alerts than anybody can read: each costs memory and a text, in which a rule may ask
// again. What rules record is as large as what they are asked of.
func bounded(query rules.QueryFunc) rules.QueryFunc {
	return func(ctx context.Context, text string, at time.Time) (promql.Vector, error) {
		found, err := query(ctx, text, at)
		if err == nil && len(found) > maxAlerts && rules.FromOriginContext(ctx).Kind == rules.KindAlerting {
			return nil, fmt.Errorf("it finds %d: at most %d are taken of an expression of an alerting rule", len(found), maxAlerts)
		}
		return found, err
	}
}

// backend gives what answers, what is asked for the state of an earlier run, and what takes what is recorded.
func (r *Rules) backend() (rules.QueryFunc, storage.Queryable, storage.Appendable, error) {
	if r.config.URL == "" {
		return rules.EngineQueryFunc(r.config.Engine, r.config.Queryable), r.config.Queryable, r.config.Appendable, nil
	}
	client, err := api.NewClient(api.Config{Address: r.config.URL})
	if err != nil {
		return nil, nil, nil, fmt.Errorf("preparing to ask %s: %w", r.config.URL, err)
	}
	server := v1.NewAPI(client)
	query := func(ctx context.Context, text string, at time.Time) (promql.Vector, error) {
		ctx, cancel := context.WithTimeout(ctx, evaluationTimeout)
		defer cancel()
		value, _, err := server.Query(ctx, text, at)
		if err != nil {
			return nil, err
		}
		return vector(value)
	}
	nothing := storage.QueryableFunc(func(int64, int64) (storage.Querier, error) { return storage.NoopQuerier(), nil })
	return query, nothing, discard{}, nil
}

// vector turns an answer into what rules are evaluated on.
func vector(value model.Value) (promql.Vector, error) {
	switch v := value.(type) {
	case *model.Scalar:
		return promql.Vector{{T: int64(v.Timestamp), F: float64(v.Value)}}, nil
	case model.Vector:
		found := make(promql.Vector, 0, len(v))
		for _, sample := range v {
			if sample.Histogram != nil {
				return nil, errors.New("the answer holds histograms, which are not asked for over HTTP: take a quantile of them, or their count")
			}
			builder := labels.NewScratchBuilder(len(sample.Metric))
			for name, text := range sample.Metric {
				builder.Add(string(name), string(text))
			}
			builder.Sort()
			found = append(found, promql.Sample{Metric: builder.Labels(), T: int64(sample.Timestamp), F: float64(sample.Value)})
		}
		return found, nil
	}
	return nil, fmt.Errorf("the answer is a %s, and not a vector or a scalar", value.Type())
}

// discard takes the series that alerts have about themselves, where another server keeps metrics.
type discard struct{}

// Appender gives itself.
func (d discard) Appender(context.Context) storage.Appender { return d }

// Commit does nothing.
func (discard) Commit() error { return nil }

// Rollback does nothing.
func (discard) Rollback() error { return nil }

// SetOptions does nothing.
func (discard) SetOptions(*storage.AppendOptions) {}

// Append does nothing.
func (discard) Append(storage.SeriesRef, labels.Labels, int64, float64) (storage.SeriesRef, error) {
	return 0, nil
}

// AppendExemplar does nothing.
func (discard) AppendExemplar(storage.SeriesRef, labels.Labels, exemplar.Exemplar) (storage.SeriesRef, error) {
	return 0, nil
}

// AppendHistogram does nothing.
func (discard) AppendHistogram(storage.SeriesRef, labels.Labels, int64, *histogram.Histogram, *histogram.FloatHistogram) (storage.SeriesRef, error) {
	return 0, nil
}

// AppendHistogramSTZeroSample does nothing.
func (discard) AppendHistogramSTZeroSample(storage.SeriesRef, labels.Labels, int64, int64, *histogram.Histogram, *histogram.FloatHistogram) (storage.SeriesRef, error) {
	return 0, nil
}

// AppendSTZeroSample does nothing.
func (discard) AppendSTZeroSample(storage.SeriesRef, labels.Labels, int64, int64) (storage.SeriesRef, error) {
	return 0, nil
}

// UpdateMetadata does nothing.
func (discard) UpdateMetadata(storage.SeriesRef, labels.Labels, metadata.Metadata) (storage.SeriesRef, error) {
	return 0, nil
}
