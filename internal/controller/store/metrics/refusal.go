// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"errors"
	"time"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/storage"
)

// refusal is the error for a sample that is not taken, and would not be if it came again. The library's handlers take it
// for a fault of the sender.
type refusal struct{ cause, text string }

// Error says why.
func (r *refusal) Error() string { return r.text }

// Is makes the library answer 400.
func (r *refusal) Is(target error) bool { return target == storage.ErrOutOfBounds }

// causeOf names what was wrong with a sample; storage means that nothing was.
func causeOf(err error) string {
	if r, ok := errors.AsType[*refusal](err); ok {
		return r.cause
	}
	if _, ok := errors.AsType[histogram.Error](err); ok {
		return "invalid-histogram"
	}
	for _, known := range [...]struct {
		err   error
		cause string
	}{
		{storage.ErrTooOldSample, "too-old"},
		{storage.ErrOutOfOrderSample, "out-of-order"},
		{storage.ErrDuplicateSampleForTimestamp, "duplicate-timestamp"},
		{storage.ErrOutOfBounds, "out-of-bounds"},
	} {
		if errors.Is(err, known.err) {
			return known.cause
		}
	}
	return causeStorage
}

const (
	causeStorage = "storage"
	// ahead is how far in the future a sample may lie: as Prometheus has it.
	ahead = 10 * time.Minute
)
