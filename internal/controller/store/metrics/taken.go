// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
)

// taken is what came of one request: what was seen in it, what was stored, and what was refused and why.
type taken struct {
	tenant *tenant
	now    time.Time
	// lenient keeps from the library's handler what was refused: it would give up, or forget what it has refused itself.
	lenient bool

	seen, stored, exemplarsSeen, exemplarsStored uint64
	refused, exemplarsRefused                    map[string]uint64
	// first are the first refusals, for whoever sent them.
	first []string
}

// told is how many refusals the sender is told of in words.
const told = 5

type takenKey struct{}

func (t *taken) into(ctx context.Context) context.Context {
	return context.WithValue(ctx, takenKey{}, t)
}

func takenFrom(ctx context.Context) *taken {
	t, ok := ctx.Value(takenKey{}).(*taken)
	if !ok {
		// Nobody asked for an account.
		t = &taken{tenant: &tenant{mostSeries: -1, perSecond: -1}, now: time.Now()}
	}
	return t
}

func (t *taken) refuse(cause string, n uint64, err error, ls labels.Labels) {
	if n == 0 {
		return
	}
	if t.refused == nil {
		t.refused = map[string]uint64{}
	}
	t.refused[cause] += n
	if len(t.first) >= told {
		return
	}
	text := err.Error()
	if _, ok := errors.AsType[*refusal](err); !ok && !ls.IsEmpty() {
		text = fmt.Sprintf("%s, in series %.200s", text, ls)
	}
	t.first = append(t.first, text)
}

func (t *taken) refuseExemplar(err error) {
	if t.exemplarsRefused == nil {
		t.exemplarsRefused = map[string]uint64{}
	}
	cause := "unknown-series"
	switch {
	case errors.Is(err, storage.ErrOutOfOrderExemplar):
		cause = "out-of-order"
	case errors.Is(err, storage.ErrExemplarLabelLength):
		cause = "long-labels"
	case causeOf(err) != causeStorage:
		cause = causeOf(err)
	}
	t.exemplarsRefused[cause]++
	if len(t.first) < told {
		t.first = append(t.first, err.Error())
	}
}

// total is how many samples were refused.
func (t *taken) total() uint64 {
	var n uint64
	for _, count := range t.refused {
		n += count
	}
	return n
}

func (t *taken) exemplarTotal() uint64 {
	var n uint64
	for _, count := range t.exemplarsRefused {
		n += count
	}
	return n
}

// words say what was refused.
func (t *taken) words() string {
	text := fmt.Sprintf("%d samples and %d exemplars were refused, %d and %d stored: %s",
		t.total(), t.exemplarTotal(), t.stored, t.exemplarsStored, strings.Join(t.first, "; "))
	return strings.ToValidUTF8(text, "\uFFFD")
}

// undone accounts for a request of which nothing was stored in the end: what had been accepted is lost for one cause.
func (t *taken) undone(cause string) {
	if t.refused == nil {
		t.refused = map[string]uint64{}
	}
	t.refused[cause] += t.stored
	t.stored = 0
	if t.exemplarsRefused == nil {
		t.exemplarsRefused = map[string]uint64{}
	}
	t.exemplarsRefused[cause] += t.exemplarsStored
	t.exemplarsStored = 0
}

// missed accounts for what was in a request and never came to be stored: the library had passed it over before.
func (t *taken) missed(cause string, n counts) {
	if samples, known := uint64(n[partSample]+n[partHistogram]), t.stored+t.total(); known < samples {
		text := "some series have no name, labels that are not valid or come twice, or refer to symbols that there are not"
		if cause != "invalid-series" {
			text = cause
		}
		t.refuse(cause, samples-known, errors.New(text), labels.EmptyLabels())
	}
	if all, known := uint64(n[partExemplar]), t.exemplarsStored+t.exemplarTotal(); known < all {
		if t.exemplarsRefused == nil {
			t.exemplarsRefused = map[string]uint64{}
		}
		t.exemplarsRefused["not-taken"] += all - known
	}
}

// book adds the request to the accounts.
func (t *taken) book(a *accounts) {
	a.samples.In(t.stored + t.total())
	a.samples.Out(t.stored)
	for cause, n := range t.refused {
		a.samples.Drop(cause, n)
	}
	a.exemplars.In(t.exemplarsStored + t.exemplarTotal())
	a.exemplars.Out(t.exemplarsStored)
	for cause, n := range t.exemplarsRefused {
		a.exemplars.Drop(cause, n)
	}
}
