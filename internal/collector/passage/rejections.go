// SPDX-License-Identifier: Apache-2.0

package passage

import (
	"context"
	"maps"
	"sync"
)

// Rejected is what a receiver has not taken of a message that it has answered.
type Rejected struct {
	// Rows of a flow batch, by reason.
	Rows map[string]uint64
	// Records is how many log records, and Why says why.
	Records uint64
	Why     string
}

// Add adds what was not taken of another message by the same receiver.
func (r *Rejected) Add(other Rejected) {
	for reason, n := range other.Rows {
		if r.Rows == nil {
			r.Rows = map[string]uint64{}
		}
		r.Rows[reason] += n
	}
	r.Records += other.Records
	if other.Why != "" {
		r.Why = other.Why
	}
}

// Rejections gathers what the receivers at the end of a pipeline have not taken, for whoever waits at its beginning. It
// travels in the context, and so as far as a message is handed on without a queue.
type Rejections struct {
	mu  sync.Mutex
	all Rejected
}

type rejectionsKey struct{}

// WithRejections gives a context in which rejections are gathered.
func WithRejections(ctx context.Context) (context.Context, *Rejections) {
	gathered := new(Rejections)
	return context.WithValue(ctx, rejectionsKey{}, gathered), gathered
}

// Report tells what one receiver has not taken. Of several that got the same message, the one that took least is
// believed.
func Report(ctx context.Context, rejected Rejected) {
	gathered, ok := ctx.Value(rejectionsKey{}).(*Rejections)
	if !ok {
		return
	}
	gathered.mu.Lock()
	defer gathered.mu.Unlock()
	for reason, n := range rejected.Rows {
		if gathered.all.Rows == nil {
			gathered.all.Rows = map[string]uint64{}
		}
		gathered.all.Rows[reason] = max(gathered.all.Rows[reason], n)
	}
	if rejected.Records > gathered.all.Records {
		gathered.all.Records, gathered.all.Why = rejected.Records, rejected.Why
	}
}

// Total is what has been reported.
func (r *Rejections) Total() Rejected {
	r.mu.Lock()
	defer r.mu.Unlock()
	return Rejected{Rows: maps.Clone(r.all.Rows), Records: r.all.Records, Why: r.all.Why}
}
